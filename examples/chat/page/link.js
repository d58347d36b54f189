// The connection of a page to a room. It comes back by itself, and nothing that is
// said gets lost or doubled on the way; protocol.go says how.

const firstWait = 500, longestWait = 15_000; // ms before another attempt
const pingEvery = 5_000, patience = 10_000; // ms; a server that answers no ping is gone
const heardAtMost = 2_000; // members whose last number is remembered

// These say not to come back by oneself. See protocol.go.
const final = new Set([4000, 4001, 4002]);

// Link says what happens by calling the functions of on:
//   state(name, wait, reason)  "connecting", "open", "waiting" for so many ms, or "stopped", and why
//   welcome(m), message(m), presence(m)  what the server sent; a message only once
//   rtt(ms)  the round-trip time, or null while there is none
//   outbox(list)  what has not arrived yet: {id, text}, oldest first
export class Link {
  #url; #room; #name; #on;
  #kept;               // {session, next, outbox}: outlives the page being loaded again
  #heard = new Map();  // the last number of each member
  #ws = null; #me = null;
  #failures = 0; #retry = 0; #pinger = 0; #ping = null; #pings = 0;

  constructor(url, room, name, on) {
    this.#url = url;
    this.#room = room;
    this.#name = name;
    this.#on = on;
    this.#kept = this.#restore();
    // The machine knows before any timer when it is worth another attempt.
    addEventListener("online", this.#now);
    document.addEventListener("visibilitychange", this.#now);
    this.#on.outbox(this.#kept.outbox);
    this.connect();
  }

  // say sends a text, now or when there is a connection.
  say(text) {
    const said = {id: this.#kept.next++, text};
    this.#kept.outbox.push(said);
    this.#keep();
    if (this.#me) this.#send({type: "say", ...said});
  }

  connect() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    this.#on.state("connecting");
    const ws = this.#ws = new WebSocket(this.#url);
    // A server that accepts and then says nothing is no better than none.
    const welcomed = setTimeout(() => this.#lost(ws, 1006, ""), patience);
    ws.onopen = () => this.#send({type: "join", room: this.#room, name: this.#name, session: this.#kept.session});
    ws.onmessage = event => {
      const m = JSON.parse(event.data);
      if (m.type === "welcome") clearTimeout(welcomed);
      this.#receive(m);
    };
    ws.onclose = event => {
      clearTimeout(welcomed);
      this.#lost(ws, event.code, event.reason);
    };
  }

  // close leaves for good.
  close() {
    removeEventListener("online", this.#now);
    document.removeEventListener("visibilitychange", this.#now);
    clearTimeout(this.#retry);
    this.#drop();
  }

  // renew gives up the session, for one that is somewhere else now.
  renew() {
    const {outbox} = this.#kept;
    this.#kept = this.#fresh();
    for (const {text} of outbox) this.#kept.outbox.push({id: this.#kept.next++, text});
    this.#keep();
    this.connect();
  }

  #now = () => {
    if (this.#retry && document.visibilityState === "visible") this.connect();
  };

  #send(m) { this.#ws.send(JSON.stringify(m)); }

  #receive(m) {
    switch (m.type) {
    case "welcome":
      this.#failures = 0;
      this.#me = m.id;
      this.#arrived(m.last);
      this.#on.state("open");
      this.#on.welcome(m);
      for (const old of m.history) this.#hear(old);
      this.#on.presence(m);
      for (const said of this.#kept.outbox) this.#send({type: "say", ...said});
      this.#sendPing();
      this.#pinger = setInterval(() => this.#sendPing(), pingEvery);
      break;
    case "message":
      this.#hear(m);
      break;
    case "presence":
      this.#on.presence(m);
      break;
    case "pong":
      if (this.#ping?.id !== m.id) break;
      this.#on.rtt(performance.now() - this.#ping.at);
      this.#ping = null;
    }
  }

  // hear passes on what has not been heard before.
  #hear(m) {
    if (m.from === this.#me) this.#arrived(m.id);
    if (m.id <= (this.#heard.get(m.from) ?? 0)) return;
    this.#heard.delete(m.from); // the latest to speak comes last
    this.#heard.set(m.from, m.id);
    if (this.#heard.size > heardAtMost) this.#heard.delete(this.#heard.keys().next().value);
    this.#on.message(m);
  }

  // arrived drops from the outbox what the server has.
  #arrived(last) {
    this.#kept.outbox = this.#kept.outbox.filter(({id}) => id > last);
    this.#kept.next = Math.max(this.#kept.next, last + 1);
    this.#keep();
  }

  #sendPing() {
    if (this.#ping && performance.now() - this.#ping.at > patience) return this.#lost(this.#ws, 1006, "");
    if (this.#ping) return;
    this.#ping = {id: ++this.#pings, at: performance.now()};
    this.#send({type: "ping", id: this.#ping.id});
  }

  #drop() {
    clearInterval(this.#pinger);
    this.#ping = this.#me = null;
    if (this.#ws) {
      this.#ws.onopen = this.#ws.onmessage = this.#ws.onclose = null;
      this.#ws.close();
      this.#ws = null;
    }
    this.#on.rtt(null);
  }

  // lost waits before the next attempt: twice as long after each failure, and at
  // random, or else all pages would come back at once to a server that was restarted.
  #lost(ws, code, reason) {
    if (ws !== this.#ws) return;
    this.#drop();
    if (final.has(code)) return this.#on.state("stopped", 0, reason, code);
    const most = Math.min(longestWait, firstWait * 2 ** this.#failures++);
    const wait = most * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => this.connect(), wait);
    this.#on.state("waiting", wait, reason);
  }

  // A tab keeps what it needs to be the same member when it is loaded again.
  #key() { return "chat " + this.#room.toLowerCase(); }
  #fresh() { return {session: hex(crypto.getRandomValues(new Uint8Array(16))), next: 1, outbox: []}; }
  #restore() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#key())) ?? this.#fresh();
    } catch {
      return this.#fresh(); // no storage, or not ours
    }
  }
  #keep() {
    this.#on.outbox(this.#kept.outbox);
    try {
      sessionStorage.setItem(this.#key(), JSON.stringify(this.#kept));
    } catch { /* then it lives as long as the page */ }
  }
}

const hex = bytes => Array.from(bytes, b => b.toString(16).padStart(2, "0")).join("");
