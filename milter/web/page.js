// page.js - keeps the page of now.  Everything works without it: it asks for
// the same page again while it is looked at, and changes what has changed.
'use strict';

const STEPS = [5000, 5000, 10000, 20000, 60000]; // ms to the next question, by failures
const STALE = 30000; // ms after which what is seen is no longer called live

let tag = null; // of what is shown
let failures = 0;
let seen = Date.now(); // the last good answer
let seenText = '';
let shown = Date.now(); // when the page was made that is seen
let timer = null;

const live = () => document.getElementById('live');

// say - beside the clock: how much this is of now.  Only a change is said
// aloud: the clock itself is silent.
function say() {
  const place = live();
  if (!place) return;
  const late = failures > 0 && Date.now() - seen > STALE;
  const text = late ? 'last seen ' + seenText + ', trying again' : 'live';
  place.className = late ? 'late' : 'now';
  if (place.textContent !== text) place.textContent = text;
  if (!late) tick();
}

// tick - the clock of the daemon goes on between two answers
function tick() {
  const clock = document.querySelector('#clock time');
  const now = Number(document.getElementById('clock').dataset.now);
  if (!clock || !now) return;
  const offset = /([+-])(\d\d)(\d\d)$/.exec(clock.textContent);
  const minutes = offset ? (offset[1] === '-' ? -1 : 1) * (60 * offset[2] + 1 * offset[3]) : 0;
  const at = new Date(now + Date.now() - shown + 60000 * minutes).toISOString();
  clock.textContent = at.slice(0, 10) + ' ' + at.slice(11, 19) + ' ' + (offset ? offset[0] : '+0000');
  if (failures === 0) seenText = clock.textContent.slice(11, 19);
}

// isOurs - a field that somebody may be typing into
const isOurs = (node) => node.nodeType === 1 && node.matches('input:not([type=hidden]), select, textarea');

// alike - are these two the same thing, of two times?
function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName;
}

function attributes(was, is) {
  for (const a of [...was.attributes])
    if (!is.hasAttribute(a.name) && !(a.name === 'open' && was.nodeName === 'DETAILS')) was.removeAttribute(a.name);
  for (const a of is.attributes)
    if (was.getAttribute(a.name) !== a.value) was.setAttribute(a.name, a.value);
}

// marked - a cell whose text changed is shown so, for a moment
function marked(node) {
  const cell = node.parentElement && node.parentElement.closest('td, .budget');
  if (!cell) return;
  cell.classList.remove('changed');
  void cell.offsetWidth;
  cell.classList.add('changed');
}

// become - was becomes is; what is open, focused or typed stays
function become(was, is) {
  if (was.nodeType === 3) {
    if (was.data !== is.data) {
      was.data = is.data;
      marked(was);
    }
    return;
  }
  if (was.nodeType !== 1 || isOurs(was)) return;
  attributes(was, is);
  const from = [...is.childNodes];
  let at = was.firstChild;
  for (const node of from) {
    if (at && alike(at, node)) {
      become(at, node);
      at = at.nextSibling;
    } else {
      was.insertBefore(document.importNode(node, true), at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function show(text) {
  const is = new DOMParser().parseFromString(text, 'text/html');
  const main = is.getElementById('main');
  if (!main) return;
  become(document.getElementById('main'), main);
  const badges = is.querySelector('.badges');
  // What is said of the page's age is of this side.
  if (badges) {
    badges.querySelector('#live').replaceWith(live().cloneNode(true));
    become(document.querySelector('.badges'), badges);
  }
  document.title = is.title;
  shown = Date.now();
  filter();
}

async function ask() {
  timer = null;
  try {
    const answer = await fetch(location.href.replace(/#.*/, ''), {
      headers: tag ? { 'If-None-Match': tag } : {},
      cache: 'no-store',
      redirect: 'error',
    });
    if (answer.status === 200 || answer.status === 503) show(await answer.text());
    else if (answer.status !== 304) throw new Error(String(answer.status));
    if (answer.status === 503) throw new Error('the daemon is away');
    if (answer.status === 200) tag = answer.headers.get('ETag');
    failures = 0;
    seen = Date.now();
  } catch (e) {
    failures++;
    if (String(e).includes('away')) tag = null;
  }
  say();
  plan();
}

function plan() {
  if (timer) clearTimeout(timer);
  timer = document.hidden ? null : setTimeout(ask, STEPS[Math.min(failures, STEPS.length - 1)]);
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) plan();
  else if (!timer) ask();
});

// filter - while an address is typed, the rows that have it
function filter() {
  const typed = document.getElementById('q');
  const list = document.getElementById('list');
  if (!typed || !list) return;
  const text = typed.value.trim().toLowerCase();
  for (const row of list.tBodies[0].rows)
    row.hidden = text !== '' && !row.cells[0].textContent.toLowerCase().includes(text);
}

document.addEventListener('input', (e) => {
  if (e.target.id === 'q') filter();
});

// A choice is made when it is made: the button is for those without a script.
document.addEventListener('change', (e) => {
  if (e.target.name === 'policy' && e.target.form && e.target.form.method === 'get') e.target.form.submit();
});

document.addEventListener('keydown', (e) => {
  if (e.key === '/' && !e.target.matches('input, select, textarea')) {
    const q = document.getElementById('q');
    if (q) {
      e.preventDefault();
      q.focus();
    }
  }
});

// A form that was refused is not asked for again: it was sent, not read.
if (!/\/act$/.test(location.pathname)) {
  say();
  plan();
  setInterval(say, 1000);
}
