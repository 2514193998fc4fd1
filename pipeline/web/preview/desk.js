/* Keeps every frame at its width, and shows what was made anew, without a flicker. */
(function () {
  "use strict";
  var MEDIA = ["web", "email", "text", "feed", "podcast"], LIVE = "audio, video, script, iframe, form", slug = document.body.dataset.slug, marks = null, news = document.getElementById("news");
  var sections = Array.from(document.querySelectorAll(".medium")), cards = Array.from(document.querySelectorAll(".card"));

  function fit(card) {
    var width = Number(card.dataset.width), glass = card.querySelector(".glass"), scale = Math.min(1, glass.clientWidth / width);
    if (!scale) { return; }
    card.querySelectorAll("iframe").forEach(function (frame) {
      frame.style.width = width + "px";
      frame.style.height = glass.clientHeight / scale + "px";
      frame.style.transform = scale === 1 ? "none" : "scale(" + scale + ")";
    });
  }

  var sizes = new ResizeObserver(function (changed) { changed.forEach(function (one) { fit(one.target.closest(".card")); }); });
  cards.forEach(function (card) {
    card.style.setProperty("--width", card.dataset.width + "px");
    sizes.observe(card.querySelector(".glass"));
  });

  /* --- frames are changed where they stand: quick, and what is scrolled or played goes on */

  var known = new WeakMap();  /* of each frame, the page as the server wrote it: scripts have changed it since */

  function asked(frame) {
    var Parser = frame.contentWindow.DOMParser;  /* the frame's own: what it may not show, this desk need not know */
    return fetch(frame.src).then(function (answer) { return answer.text(); }).then(function (html) {
      return new Parser().parseFromString(html, "text/html");
    });
  }

  function remember(frame) {
    asked(frame).then(function (page) { known.set(frame, page); });
  }

  function alive(nodes) {
    return nodes.some(function (node) { return node.nodeType === 1 && (node.matches(LIVE) || node.querySelector(LIVE)); });
  }

  /* Make what the page shows of an element what the server says now. Throws where scripts may hold on to what would go. */
  function patch(shown, before, now) {
    if (before.isEqualNode(now)) { return; }
    if (shown.nodeName !== now.nodeName || before.nodeName !== now.nodeName) { swap(shown.parentNode, [shown], [now]); return; }
    if (now.nodeType !== 1) { shown.data = now.data; return; }
    now.getAttributeNames().forEach(function (name) {
      if (before.getAttribute(name) !== now.getAttribute(name)) { shown.setAttribute(name, now.getAttribute(name)); }
    });
    before.getAttributeNames().forEach(function (name) { if (!now.hasAttribute(name)) { shown.removeAttribute(name); } });
    var there = Array.from(shown.childNodes), old = Array.from(before.childNodes), fresh = Array.from(now.childNodes);
    if (there.length !== old.length) { throw new Error("a script has been here"); }
    if (old.length === fresh.length) { there.forEach(function (node, place) { patch(node, old[place], fresh[place]); }); return; }
    var shorter = Math.min(old.length, fresh.length), first = 0, last = 0;
    while (first < shorter && old[first].isEqualNode(fresh[first])) { first += 1; }
    while (last < shorter - first && old[old.length - 1 - last].isEqualNode(fresh[fresh.length - 1 - last])) { last += 1; }
    swap(shown, there.slice(first, there.length - last), fresh.slice(first, fresh.length - last), there[there.length - last]);
  }

  function swap(parent, gone, come, next) {
    if (alive(gone) || alive(come)) { throw new Error("this has to be loaded"); }
    next = next || gone.length && gone[gone.length - 1].nextSibling || null;
    come.forEach(function (node) { parent.insertBefore(parent.ownerDocument.importNode(node, true), next); });
    gone.forEach(function (node) { node.remove(); });
  }

  function change(frame) {
    asked(frame).then(function (page) {
      patch(frame.contentDocument.documentElement, known.get(frame).documentElement, page.documentElement);
      known.set(frame, page);
    }).catch(function () { load(frame); });
  }

  /* Load a page anew beside the old one, which stays until the new one is there. */
  function load(frame) {
    var coming = frame.cloneNode();
    frame.parentNode.querySelectorAll(".coming").forEach(function (late) { late.remove(); });
    coming.className = "coming";
    coming.addEventListener("load", function () {
      coming.contentWindow.scrollTo(0, frame.contentWindow.scrollY);
      coming.className = "";
      frame.remove();
      remember(coming);
    }, { once: true });
    frame.after(coming);
    fit(frame.closest(".card"));
  }

  function frames(media) {
    return cards.filter(function (card) { return media.indexOf(card.closest(".medium").dataset.medium) >= 0; })
      .map(function (card) { return card.querySelector("iframe"); });
  }

  frames(MEDIA).forEach(function (frame) {
    if (frame.contentDocument && frame.contentDocument.URL === frame.src && frame.contentDocument.readyState === "complete") { remember(frame); }
    else { frame.addEventListener("load", function () { remember(frame); }, { once: true }); }
  });

  /* --- what is told */

  function part(tag, name, text) {
    var made = document.createElement(tag);
    made.className = name;
    made.textContent = text;
    return made;
  }

  function line(fault) {
    var item = document.createElement("li");
    item.append(part("b", fault.severity, fault.code), " " + fault.message, part("span", "mend", fault.mend));
    item.append(part("span", "place", fault.where + (fault.line ? ":" + fault.line : "")));
    return item;
  }

  function error(text) {
    var item = document.createElement("li"), split = /^(\S+?(?::\d+)?): ([^]*)$/.exec(text);
    if (split) { item.append(part("span", "place", split[1]), split[2]); } else { item.textContent = text; }
    return item;
  }

  function count(found, word) { return found + " " + word + (found === 1 ? "" : "s"); }

  function verdict(faults) {
    var parts = ["error", "warning", "note"].map(function (kind) {
      var found = faults.filter(function (one) { return one.severity === kind; }).length;
      return found ? count(found, kind) : "";
    });
    return parts.filter(Boolean).join(", ") || "nothing to mend";
  }

  function grade(faults) {
    return faults.some(function (one) { return one.severity === "error"; }) ? "bad" : faults.length ? "odd" : "good";
  }

  function tell(state) {
    var errors = state.errors.flatMap(function (one) { return one.split("\n"); }), trouble = document.getElementById("trouble");
    var all = Object.values(state.faults).flat();
    news.className = state.busy ? "busy" : errors.length ? "bad" : grade(all);
    news.textContent = state.busy || (errors.length ? "not built" : verdict(all));
    trouble.hidden = !errors.length;
    trouble.querySelector("ul").replaceChildren.apply(trouble.querySelector("ul"), errors.map(error));
    document.body.classList.toggle("broken", errors.length > 0);
    sections.forEach(function (section) {
      var faults = state.faults[section.dataset.medium] || [], list = section.querySelector(".faults");
      var unknown = !state.checked || errors.length && !faults.length;
      section.querySelector(".verdict").textContent = unknown ? "not checked yet" : verdict(faults);
      section.querySelector(".verdict").className = unknown ? "verdict" : "verdict " + grade(faults);
      list.hidden = !faults.length;
      list.classList.toggle("grave", grade(faults) === "bad");
      list.replaceChildren.apply(list, faults.map(line));
      if (section.id === "source") { section.hidden = !faults.length; }
    });
  }

  function show(state) {
    var before = marks || state.marks;
    marks = state.marks;
    if (before.desk !== marks.desk) { location.reload(); return; }
    if (before.looks !== marks.looks) { frames(MEDIA).forEach(load); }
    else { frames(MEDIA.filter(function (name) { return before[name] !== marks[name]; })).forEach(change); }
    tell(state);
  }

  function filter() {
    var chosen = Array.from(document.querySelectorAll("[name=medium]:checked"), function (box) { return box.value; });
    sections.forEach(function (section) {
      if (section.id !== "source") { section.hidden = chosen.indexOf(section.dataset.medium) < 0; }
    });
    sessionStorage.setItem("media", chosen.join(" "));
  }

  var kept = sessionStorage.getItem("media");
  document.querySelectorAll("[name=medium]").forEach(function (box) {
    if (kept !== null) { box.checked = kept.split(" ").indexOf(box.value) >= 0; }
    box.addEventListener("change", filter);
  });
  filter();
  document.getElementById("which").addEventListener("change", function () { location.href = "../" + this.value + "/"; });
  var source = new EventSource("../events/" + slug);
  source.onmessage = function (event) { show(JSON.parse(event.data)); };
  source.onerror = function () { news.className = "bad"; news.textContent = "the preview has stopped"; };
})();
