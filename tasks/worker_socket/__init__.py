"""`/ws/worker/`: one connection of one worker."""
