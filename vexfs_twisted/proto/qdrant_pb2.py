"""All messages and enums of the services, under the name of the module that clients import."""

from ..rpc.generated.collections_pb2 import *  # noqa: F403
from ..rpc.generated.flat_pb2 import *  # noqa: F403
from ..rpc.generated.json_with_int_pb2 import *  # noqa: F403
from ..rpc.generated.points_pb2 import *  # noqa: F403
from ..rpc.generated.qdrant_common_pb2 import *  # noqa: F403
from ..rpc.generated.qdrant_pb2 import *  # noqa: F403
