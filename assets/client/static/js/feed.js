// The websocket that keeps this page up to date.

const FIRST_WAIT = 250; // ms before the first attempt to reconnect
const LONGEST_WAIT = 5000;

/**
 * Keeps a connection to the inspector and reconnects it, asking for what happened
 * since the last sequence number that was seen.
 */
export class Feed {
  /** handlers: changes(message), state(state), connected(boolean). */
  constructor(handlers) {
    this.handlers = handlers;
    this.seq = 0;
    this.wait = FIRST_WAIT;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.socket) this.connect();
    });
  }

  connect() {
    clearTimeout(this.timer);
    if (this.socket) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/_ws?since=${this.seq}`);
    this.socket = socket;
    socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    socket.onclose = () => this.lost(socket);
  }

  receive(message) {
    if (message.type === "state") {
      this.wait = FIRST_WAIT;
      this.handlers.connected(true);
      this.handlers.state(message.state);
    } else if (message.type === "changes") {
      // A list that was cut by a lost connection is asked for again from its start.
      if (message.reset) this.seq = 0;
      if (message.seq) this.seq = message.seq;
      this.handlers.changes(message);
    }
  }

  lost(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    this.handlers.connected(false);
    this.timer = setTimeout(() => this.connect(), this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
  }
}
