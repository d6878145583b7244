// The live page: asks once a second and changes only what is different, so that selection, focus and scroll position stay.
"use strict";

const $ = (id) => document.getElementById(id);
const PAGE = 100;
let limit = PAGE;
let query = "";
let timer = 0;
let heard = 0;
const seen = new Map();

const text = (node, value) => { if (node.textContent !== value) node.textContent = value; };

function node(tag, className, value) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (value !== undefined) made.textContent = value;
  return made;
}

function duration(ms) {
  if (ms === null || ms === undefined) return "";
  const s = Math.floor(ms / 1000);
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  return Math.floor(s / 3600) + " h " + Math.floor(s / 60) % 60 + " min";
}

function bytes(n) {
  if (n < 10000) return n + " B";
  if (n < 10000000) return Math.round(n / 1000) + " kB";
  return Math.round(n / 1000000) + " MB";
}

// Leaves at most so many rows; a table without any says so.
function clear(body, rows, columns, words) {
  if (body.rows.length && body.rows[0].className === "empty" && rows) body.deleteRow(0);
  while (body.rows.length > Math.max(rows, 1)) body.deleteRow(-1);
  if (rows || (body.rows.length && body.rows[0].className === "empty" && body.rows[0].textContent === words)) return;
  body.replaceChildren();
  const row = body.insertRow();
  row.className = "empty";
  row.insertCell().colSpan = columns;
  text(row.cells[0], words);
}

const tone = { up: "good", impaired: "bad", down: "bad", connecting: "wait", opening: "wait" };

function links(data) {
  const rows = data.uc.map((l) => [l.name, l.state, l.server, "", l.workers + (l.waiting ? " (" + l.waiting + " waiting)" : ""), l.outstanding, l.socket])
    .concat(data.cti.map((l) => [l.name, l.state, l.server + " at " + l.address + ", " + l.switch, l.role || "", l.registered, l.outstanding, l.socket]));
  const body = $("links").tBodies[0];
  clear(body, rows.length, 8, "No link is configured.");
  rows.forEach(([name, state, server, role, load, outstanding, socket], nth) => {
    const row = body.rows[nth] || body.insertRow();
    while (row.cells.length < 8) row.insertCell();
    [name, state, server, role, String(load), String(outstanding), socket ? bytes(socket.bytes_in) : "", socket ? bytes(socket.bytes_out) : ""]
      .forEach((value, at) => { text(row.cells[at], value); if (at > 3) row.cells[at].className = "number"; });
    row.cells[1].className = tone[state] || "";
  });
}

// Hidden until there was something to count.
function previews(data) {
  $("previews").hidden = !data.asked && !data.workers;
  const words = (by) => Object.entries(by).filter(([, n]) => n).map(([word, n]) => n + " " + word).join(", ");
  const { offers, reports } = data;
  const rows = [["Requests of routers", data.asked, data.open + " waiting", words(data.answered)],
    ["Offers to workers", offers.made, offers.open + " open on the pages of " + data.workers + " workers", words(offers.ended)],
    ["Reports to T-Servers", reports.sent, reports.waiting + " waiting", words({ "refused or not acknowledged": reports.failed, "left out": reports.dropped })]];
  const body = document.querySelector("#previews tbody");
  rows.forEach((cells, nth) => {
    const row = body.rows[nth] || body.insertRow();
    while (row.cells.length < cells.length) row.insertCell();
    cells.forEach((value, at) => { text(row.cells[at], String(value)); if (at === 1 || at === 2) row.cells[at].className = "number"; });
  });
}

function counts(presence) {
  const box = $("counts");
  Object.entries(presence).forEach(([name, n], nth) => {
    let button = box.children[nth];
    if (!button) {
      button = node("button");
      button.type = "button";
      button.append(node("span", "dot " + name), node("span"));
      button.addEventListener("click", () => { $("q").value = query === name ? "" : name; search(); });
      box.append(button);
    }
    text(button.lastChild, name + " " + n);
    button.setAttribute("aria-pressed", String(query === name));
  });
}

function remarks(worker) {
  const said = [];
  if (!worker.covered && worker.sip_uri) said.push("not subscribed");
  const own = worker.presence + (worker.activity ? ", " + worker.activity : "");
  if (worker.override) said.push(worker.override + ", presence held back (preserved: " + own + ")");
  else if (worker.override_ended) said.push("After Call Work or Legal Guard ended: " + worker.override_ended);
  if (worker.publishing !== worker.published) said.push(worker.publishing ? "publishing “" + worker.publishing + "”" : "withdrawing “" + worker.published + "”");
  else if (worker.published) said.push("published “" + worker.published + "”");
  for (const dn of worker.dns) {
    if (dn.in_flight) said.push(dn.number + " request unanswered");
    if (dn.held) said.push(dn.number + " left alone until the next change");
    if (!dn.registered) said.push(dn.number + " not registered");
  }
  if (worker.note) said.push("“" + worker.note + "”");
  return said.join(", ");
}

function fill(row, worker) {
  while (row.cells.length < 6) row.insertCell();
  const [who, presence, since, agent, want, remark] = row.cells;
  text(who, (worker.display_name || worker.employee_id) + (worker.display_name ? " (" + worker.employee_id + ")" : ""));
  who.title = worker.sip_uri;
  const key = worker.presence + "|" + worker.activity + "|" + worker.dns.map((dn) => dn.state + dn.work_mode).join();
  const before = seen.get(worker.employee_id);
  if (row.dataset.key !== key) {
    row.dataset.key = key;
    presence.replaceChildren(node("span", "dot " + worker.presence), node("span", "", worker.presence + (worker.activity ? ", " + worker.activity : "")));
    agent.replaceChildren(...worker.dns.flatMap((dn) => [
      node("span", "weak", dn.number + "@" + dn.switch + " "), node("span", "badge " + dn.state, dn.state + (dn.work_mode ? ":" + dn.work_mode : "")), document.createTextNode(" ")]));
  }
  if (before !== undefined && before !== key) {
    row.classList.remove("changed");
    void row.offsetWidth;
    row.classList.add("changed");
  }
  seen.set(worker.employee_id, key);
  text(since, duration(worker.age_ms));
  text(want, worker.override ? "nothing now" : worker.want);
  text(remark, remarks(worker));
  since.className = want.className = "weak";
  remark.className = "weak remarks";
}

function workers(page) {
  const body = $("workers").tBodies[0];
  clear(body, page.workers.length, 6, query ? "No worker matches “" + query + "”." : "No worker is configured.");
  page.workers.forEach((worker, nth) => {
    const row = body.rows[nth] || body.insertRow();
    if (row.dataset.id !== worker.employee_id) { row.dataset.id = worker.employee_id; row.dataset.key = ""; row.classList.remove("changed"); }
    fill(row, worker);
  });
  text($("shown"), page.workers.length + (page.next === null && !query ? " workers" : " of " + page.total + " workers shown"));
  $("more").hidden = page.next === null || limit >= 1000;
}

async function get(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(answer.status + " " + answer.statusText);
  return answer.json();
}

async function refresh() {
  clearTimeout(timer);
  const asked = query;
  try {
    const [summary, page] = await Promise.all([get("/api/v1/summary"), get("/api/v1/workers?limit=" + limit + "&q=" + encodeURIComponent(asked))]);
    heard = Date.now();
    $("lost").hidden = true;
    document.querySelector("main").classList.remove("stale");
    if (asked === query) {
      text($("ready"), summary.ready ? "Ready" : "Not ready: " + summary.why.join("; "));
      $("ready").className = summary.ready ? "good" : "bad";
      text($("facts"), summary.workers + " workers, " + summary.changes + " presence changes, " + summary.requests + " state requests, up " + duration(summary.uptime_ms));
      links(summary.links);
      previews(summary.previews);
      counts(summary.presence);
      workers(page);
    }
  } catch (error) {
    text($("ready"), "No answer");
    $("ready").className = "bad";
    const since = heard ? " since " + new Date(heard).toLocaleTimeString() + ". Below is what was known then." : ".";
    text($("lost"), (heard ? "The connector has not answered" : "The connector does not answer") + since + " Trying again every second (" + error.message + ").");
    $("lost").hidden = false;
    document.querySelector("main").classList.add("stale");
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, document.hidden ? 10000 : 1000);
}

function search() {
  query = $("q").value.trim().toLowerCase();
  limit = PAGE;
  refresh();
}

$("search").addEventListener("submit", (event) => { event.preventDefault(); search(); });
$("q").addEventListener("input", search);
$("more").addEventListener("click", () => { limit = Math.min(limit * 3, 1000); refresh(); });
$("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
refresh();
