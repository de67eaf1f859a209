"""`/ws/worker/`: one connection of one worker.

`consumer` translates frames into calls of the parts it is composed of:

- `connection` sends frames and closes the socket;
- `session` holds the rules: what is accepted when, what may be leased, what a check leads to. Pure;
- `credit` counts the leases that the worker has room for. Pure;
- `leasing` asks the queue for work and sends it;
- `results` gives results, failures and releases to the queue and answers them;
- `presence` says in the queue that the worker is here, and checks what it may still do;
- `heartbeats` sends the heartbeats of all workers of this process to Redis together;
- `partials` and `leased_kinds` check what comes as a partial;
- `progress_throttle` limits how often a watched task is announced.

Leases, results and heartbeats touch Redis only. The database is asked when the worker says hello
and every MEMBERSHIP_CHECK_SECONDS, from a thread.
"""
