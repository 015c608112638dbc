"""The versioned protobuf encoding of commands, for logs and files shared between releases."""
