"""HTTP/1.1 over twisted.web: connections and requests with limits on sizes, counts and times."""
