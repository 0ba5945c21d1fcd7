//! Transports: WebSocket, Unix socket, standard input and output.
