"""Sockets: one consumer for workers, one for those who watch. They translate; the queue and services decide."""
