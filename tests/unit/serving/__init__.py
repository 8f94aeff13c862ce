"""What a worker reads, keeps and sends, and whose turn it is, without sockets and threads."""
