/* Keeps every frame at its width, and loads again those whose medium was made anew. */
(function () {
  "use strict";
  var slug = document.body.dataset.slug, marks = null, faults = {};
  var cards = Array.from(document.querySelectorAll(".card")), news = document.getElementById("news");
  var list = document.getElementById("list"), trouble = document.getElementById("trouble");
  var WIDEST = 620, HEIGHT = 704;

  cards.forEach(function (card) {
    var width = Number(card.dataset.width), frame = card.querySelector("iframe");
    function fit() {
      var shown = Math.min(width, WIDEST, document.documentElement.clientWidth - 40), scale = shown / width;
      card.style.setProperty("--shown", shown);
      frame.style.width = width + "px";
      frame.style.height = HEIGHT / scale + "px";
      frame.style.transform = scale === 1 ? "none" : "scale(" + scale + ")";
    }
    fit();
    window.addEventListener("resize", fit);
    card.querySelector(".badge").addEventListener("click", function () { open(card); });
  });

  function again(card) {
    var frame = card.querySelector("iframe"), top = 0;
    try { top = frame.contentWindow.scrollY; } catch (error) { top = 0; }
    frame.addEventListener("load", function () { frame.contentWindow.scrollTo(0, top); }, { once: true });
    try { frame.contentWindow.location.reload(); } catch (error) { frame.src = frame.src; }
  }

  function line(fault) {
    var item = document.createElement("li"), code = document.createElement("b"), mend = document.createElement("span");
    code.textContent = fault.code + " ";
    code.className = fault.severity;
    mend.textContent = fault.where + (fault.line ? ":" + fault.line : "") + " · " + fault.mend;
    mend.className = "mend";
    item.append(code, fault.message, mend);
    return item;
  }

  function open(card) {
    var medium = card.dataset.medium;
    list.querySelector("h2").textContent = card.querySelector("h2 a").textContent + ": what check finds";
    list.querySelector("ul").replaceChildren.apply(list.querySelector("ul"), (faults[medium] || []).map(line));
    list.showModal();
  }

  function count(found, word) { return found + " " + word + (found === 1 ? "" : "s"); }

  function tell(state) {
    var all = Object.values(state.faults).flat();
    var errors = all.filter(function (one) { return one.severity === "error"; }).length, rest = all.length - errors;
    var clean = !state.errors.length && !errors;
    var said = [errors ? count(errors, "error") : "", rest ? count(rest, "warning") : ""].filter(Boolean).join(", ");
    news.className = state.busy ? "busy" : clean ? "good" : "bad";
    news.textContent = state.busy || (state.errors.length ? "not built" : said || "nothing to mend");
    trouble.hidden = !state.errors.length;
    trouble.querySelector("pre").textContent = state.errors.join("\n");
    faults = state.faults;
    var source = document.querySelector("[data-faults=source]"), found = faults.source || [];
    source.hidden = !found.length;
    source.querySelector("ul").replaceChildren.apply(source.querySelector("ul"), found.map(line));
    cards.forEach(function (card) {
      var badge = card.querySelector(".badge"), here = faults[card.dataset.medium] || [];
      badge.hidden = !here.length;
      badge.textContent = here.length;
      badge.setAttribute("aria-label", count(here.length, "finding") + " of check");
      badge.classList.toggle("error", here.some(function (one) { return one.severity === "error"; }));
    });
  }

  function look() {
    return fetch("../state/" + slug).then(function (answer) {
      if (!answer.ok) { throw new Error(answer.status); }
      return answer.json();
    }).then(function (state) {
      var before = marks;
      marks = state.marks;
      tell(state);
      document.body.dataset.number = state.number;
      cards.forEach(function (card) {
        var medium = card.dataset.medium;
        if (before && before[medium] !== marks[medium]) { again(card); }
      });
    });
  }

  function listen() {
    var source = new EventSource("../events/" + slug);
    source.onmessage = function () { look().catch(function () { location.reload(); }); };
    source.onerror = function () { news.className = "bad"; news.textContent = "the preview has stopped"; };
  }

  function filter() {
    var chosen = Array.from(document.querySelectorAll("[name=medium]:checked"), function (box) { return box.value; });
    cards.forEach(function (card) { card.hidden = chosen.indexOf(card.dataset.medium) < 0; });
    sessionStorage.setItem("media", chosen.join(" "));
  }

  var kept = sessionStorage.getItem("media");
  document.querySelectorAll("[name=medium]").forEach(function (box) {
    if (kept !== null) { box.checked = kept.split(" ").indexOf(box.value) >= 0; }
    box.addEventListener("change", filter);
  });
  filter();
  document.getElementById("which").addEventListener("change", function () { location.href = "../" + this.value + "/"; });
  listen();
})();
