// One connection to /ws/live/ for all that a page watches. Messages are whole snapshots, so one that is lost does not
// matter: after a loss everything is asked for anew. docs/reference/protocol.md has the messages.

const RETRY_MS = [500, 15000]; // first, longest
const SILENT_MS = 2000; // before a lost connection is said
const NOT_LOGGED_IN = 4401;

const offline = document.getElementById("offline");
const asks = [];
const hearers = [];
let socket;
let wait = RETRY_MS[0];
let saying = 0;

// Subscribe to this, and hear every message that comes.
export function watch(ask, hear) {
  asks.push({ type: "subscribe", ...ask });
  hearers.push(hear);
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(asks.at(-1)));
}

function connect() {
  socket = new WebSocket(new URL("/ws/live/", location.href.replace(/^http/, "ws")));
  socket.onopen = () => {
    for (const ask of asks) socket.send(JSON.stringify(ask));
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type !== "error") { // one may come before the server hangs up
      wait = RETRY_MS[0];
      heal();
    }
    for (const hear of hearers) hear(message);
  };
  socket.onclose = ({ code }) => {
    if (code === NOT_LOGGED_IN) return location.reload();
    saying ||= setTimeout(() => { offline.hidden = false; }, SILENT_MS);
    setTimeout(connect, wait * (0.5 + Math.random() / 2));
    wait = Math.min(2 * wait, RETRY_MS[1]);
  };
}

function heal() {
  clearTimeout(saying);
  saying = 0;
  offline.hidden = true;
}

connect();
