// The page. What people write is only ever shown by textContent.

import {Link} from "./link.js";

const $ = id => document.getElementById(id);
const shownAtMost = 500, together = 5 * 60_000; // entries; ms in which messages belong together
const returning = 20_000; // ms in which those who come back after a break are no news

let link = null, me = null;
let present = null;    // who was here: a Map from id to name
let quietUntil = 0;    // no news of who comes and goes before
let waiting = [];      // entries of what has not arrived, oldest first
let atEnd = true;      // whether the log follows new entries

const make = (tag, attrs = {}, ...children) => {
  const e = Object.assign(document.createElement(tag), attrs);
  e.append(...children);
  return e;
};

function hueOf(id) {
  let hash = 7;
  for (const c of id) hash = (hash * 31 + c.charCodeAt(0)) % 997;
  return hash * 137 % 360;
}

function face(id, name) {
  const e = make("span", {className: "face", ariaHidden: "true", textContent: [...name][0]});
  e.style.setProperty("--hue", hueOf(id));
  return e;
}

// The log.

function follow() {
  if (atEnd) $("log").scrollTop = $("log").scrollHeight;
}

function append(li) {
  const log = $("log");
  log.insertBefore(li, waiting[0] ?? null); // what has not arrived stays last
  while (log.children.length > shownAtMost && !waiting.includes(log.firstChild)) log.firstChild.remove();
  follow();
  $("latest").hidden = atEnd;
}

// join says which entries of one member are one block.
function joinBlocks() {
  let before = null;
  for (const li of $("log").children) {
    const same = before && li.dataset.from && before.dataset.from === li.dataset.from && li.dataset.at - before.dataset.at < together;
    li.dataset.first = !same;
    li.dataset.last = true;
    if (same) before.dataset.last = false;
    const who = li.querySelector(".who");
    if (who) who.hidden = Boolean(same);
    before = li;
  }
}

function entry({from, name, id, text, at}, sent) {
  const mine = from === me;
  const li = make("li");
  const clock = new Date(at).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"});
  const who = make("div", {className: "who"}, make("time", {textContent: clock, dateTime: new Date(at).toISOString()}));
  who.style.setProperty("--hue", hueOf(from));
  if (!mine) {
    who.prepend(make("b", {}, make("bdi", {textContent: name})));
    li.append(face(from, name));
  }
  li.append(who, make("div", {className: "bubble", dir: "auto", textContent: text}));
  Object.assign(li.dataset, {kind: mine ? "mine" : "theirs", from, id, at, sent});
  return li;
}

function note(text) {
  const last = $("log").lastElementChild;
  if (last?.dataset.kind === "note" && last.textContent === text) return;
  const li = make("li", {textContent: text});
  li.dataset.kind = "note";
  append(li);
  joinBlocks();
}

// What the link says.

const on = {
  state(state, wait, reason, code) {
    $("state").dataset.state = state;
    $("state-text").textContent = {connecting: "Connecting…", open: "Connected", waiting: "Reconnecting…", stopped: "Not connected"}[state];
    $("notice").hidden = state !== "stopped";
    $("notice-text").textContent = reason ? reason[0].toUpperCase() + reason.slice(1) + "." : "";
    $("again").textContent = code === 4000 ? "Come back as somebody new" : "Try again";
    $("again").onclick = () => code === 4000 ? link.renew() : link.connect();
  },

  welcome(m) {
    me = m.id;
    $("title").textContent = m.room;
    $("text").maxLength = m.text;
    for (const li of waiting) li.dataset.from = me;
    if (present) quietUntil = Date.now() + returning;
    else present = new Map(m.members.map(({id, name}) => [id, name])); // those who were here first are no news
  },

  message(m) {
    append(entry(m, true));
    joinBlocks();
  },

  presence({count, members}) {
    const now = new Map(members.map(({id, name}) => [id, name]));
    if (count <= members.length && Date.now() > quietUntil) { // or those who are not named would come and go
      for (const [id, name] of now) if (!present.has(id) && id !== me) note(`${name} has joined`);
      for (const [id, name] of present) if (!now.has(id) && id !== me) note(`${name} has left`);
    }
    present = now;
    $("count").textContent = count;
    $("members").replaceChildren(...members.map(({id, name}) =>
      make("li", {}, face(id, name), make("bdi", {textContent: name}), id === me ? make("small", {textContent: "you"}) : "")));
    $("more").textContent = count > members.length ? `and ${count - members.length} more` : "";
  },

  rtt(ms) {
    $("rtt").textContent = ms === null ? "" : (ms < 10 ? ms.toFixed(1) : Math.round(ms)) + " ms";
  },

  // What has not arrived is shown at the end, and goes when it comes back as a message.
  outbox(list) {
    waiting.forEach(li => li.remove());
    waiting = list.map(({id, text}) => entry({from: me ?? "me", name: "", id, text, at: Date.now()}, false));
    for (const li of waiting) li.dataset.kind = "mine";
    $("log").append(...waiting);
    joinBlocks();
    follow();
  },
};

// Rooms. The room is in the address, so that it can be passed on.

const roomInAddress = () => {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
};

const storage = {
  get name() { try { return localStorage.getItem("chat name") ?? ""; } catch { return ""; } },
  set name(v) { try { localStorage.setItem("chat name", v); } catch { /* it will be asked for again */ } },
};

function enter(room, name) {
  leave();
  history.replaceState(null, "", "#" + encodeURIComponent(room));
  document.title = room + " · Chat";
  $("title").textContent = room;
  $("door").hidden = true;
  $("chat").hidden = false;
  const url = new URL("ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  link = new Link(url, room, name, on);
  if (matchMedia("(pointer: fine)").matches) $("text").focus();
}

function leave() {
  link?.close();
  link = me = present = null;
  quietUntil = 0;
  waiting = [];
  $("log").replaceChildren();
  $("members").replaceChildren();
  $("people").classList.remove("open");
  $("chat").hidden = true;
  $("door").hidden = false;
  $("name").value = storage.name;
  $("room").value = roomInAddress() || "lobby";
}

$("enter").onsubmit = event => {
  event.preventDefault();
  const name = $("name").value.trim(), room = $("room").value.trim();
  if (!name || !room) return;
  storage.name = name;
  enter(room, name);
};

$("leave").onclick = leave;
addEventListener("hashchange", () => {
  const room = roomInAddress();
  if (link && room && storage.name) enter(room, storage.name);
  else leave();
});

// Writing.

function send() {
  const text = $("text").value.trim();
  if (!/[\p{L}\p{N}\p{P}\p{S}]/u.test(text)) return; // the server would refuse what cannot be seen
  atEnd = true;
  $("text").value = "";
  $("text").oninput();
  link.say(text);
}

$("composer").onsubmit = event => {
  event.preventDefault();
  send();
};
$("send").onpointerdown = event => event.preventDefault(); // the on-screen keyboard stays
$("text").oninput = () => {
  $("text").style.height = "";
  $("text").style.height = Math.min($("text").scrollHeight + 2, 144) + "px";
};
$("text").onkeydown = event => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
};

// The window.

$("log").onscroll = () => {
  atEnd = $("log").scrollHeight - $("log").scrollTop - $("log").clientHeight < 40;
  if (atEnd) $("latest").hidden = true;
};
$("latest").onclick = () => {
  atEnd = true;
  follow();
};
new ResizeObserver(follow).observe($("log"));

$("show-people").onclick = () => {
  $("show-people").ariaExpanded = $("people").classList.toggle("open");
};

// Some phones lay the keyboard over the page and shrink only what is seen of it.
const seen = window.visualViewport;
if (seen) {
  seen.onresize = () => {
    document.documentElement.style.setProperty("--height", seen.height + "px");
    scrollTo(0, 0);
  };
}

leave();
