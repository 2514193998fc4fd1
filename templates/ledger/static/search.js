/* Search over the archive: Pagefind's indexes, each of a part of it, fetched piece by piece for the words asked for. */

const form = document.querySelector(".finder");
const field = form.querySelector("input");
const status = document.querySelector(".found");
const list = document.querySelector(".results");
const SHOWN = 20;
let engine = null, asked = 0;

/* The engine begins with the first letter typed: who only looks at the page fetches nothing. */
async function begin() {
  const [first, ...others] = form.dataset.indexes.trim().split(/\s+/).map((one) => new URL(one, location.href).href);
  const folder = (one) => one.replace("pagefind.js", "");
  const pagefind = await import(first);
  const baseUrl = new URL(form.dataset.root, location.href).pathname.replace("index.html", "");
  await pagefind.options({ basePath: folder(first), baseUrl, excerptLength: 30 });
  await pagefind.init();
  for (const one of others) { await pagefind.mergeIndex(folder(one), { baseUrl }); }
  return pagefind;
}

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) { made.className = name; }
  if (text) { made.textContent = text; }
  return made;
}

/* Pagefind marks what it found with <mark> in words that it has escaped; only marks and words are taken over. */
function marked(excerpt) {
  const read = new DOMParser().parseFromString(excerpt, "text/html").body;
  const made = element("p", "excerpt");
  for (const node of read.childNodes) {
    made.append(node.nodeName === "MARK" ? element("mark", "", node.textContent) : node.textContent);
  }
  return made;
}

function result(page) {
  const item = element("li", "result");
  const link = element("a", "name", page.meta.title);
  link.href = page.url;
  item.append(element("p", "kicker", [page.meta.label, page.meta.day].filter(Boolean).join(" · ")), link, marked(page.excerpt));
  const parts = page.sub_results.filter((part) => part.url.includes("#")).slice(0, 3);
  if (parts.length) {
    const within = element("ul", "within");
    for (const part of parts) {
      const place = element("a", "", part.title);
      place.href = part.url;
      within.append(element("li"));
      within.lastChild.append(place);
    }
    item.append(within);
  }
  return item;
}

function told(count) {
  if (!count) { return form.dataset.none; }
  return count === 1 ? form.dataset.one : form.dataset.some.replace("{count}", count);
}

async function search() {
  const mine = ++asked, words = field.value.trim();
  const address = new URL(location.href);
  if (words) { address.searchParams.set("q", words); } else { address.searchParams.delete("q"); }
  history.replaceState(null, "", address);
  if (!words) { list.replaceChildren(); status.textContent = ""; return; }
  try {
    engine = engine || begin();
    const found = await (await engine).search(words);
    const pages = await Promise.all(found.results.slice(0, SHOWN).map((one) => one.data()));
    if (mine !== asked) { return; }
    list.replaceChildren(...pages.map(result));
    status.textContent = told(found.results.length);
  } catch (error) {
    engine = null;
    status.textContent = form.dataset.broken;
  }
}

let pause = 0;
field.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(search, 150); });
form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(pause); search(); });

document.querySelector(".without").hidden = true;
form.hidden = !form.dataset.indexes.trim();
field.value = new URL(location.href).searchParams.get("q") || "";
if (field.value) { search(); } else { field.focus({ preventScroll: true }); }
