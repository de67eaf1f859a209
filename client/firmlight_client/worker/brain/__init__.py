"""What a worker decides, without a socket: frames in, actions out."""
