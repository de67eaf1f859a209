"""`/ws/live/`: what browsers and the Python client watch.

`consumer` translates messages into calls of the parts it is composed of:

- `authentication` says whose connection it is, and refuses other sites' pages;
- `messages` reads what comes. Pure;
- `subscriptions` holds what one visitor watches;
- `feed` computes what is watched once for all that watch it; `views` says what it looks like;
- `pace` says how long news must wait. Pure;
- `outbox` sends, so that a slow reader holds up nobody else;
- `notices` sends the visitor's own notifications.
"""
