/* The player's finer controls. Without this file the browser's own player stands in their place. */
(function () {
  "use strict";

  function clock(seconds) {
    var s = Math.max(0, Math.floor(seconds)), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    var tail = (s % 60 < 10 ? "0" : "") + (s % 60);
    return h ? h + ":" + (m < 10 ? "0" : "") + m + ":" + tail : m + ":" + tail;
  }

  function start(element) { return parseFloat(element.dataset.start); }

  /* The last of some elements, in order of time, that begins at or before a moment. */
  function at(elements, moment) {
    var low = 0, high = elements.length;
    while (low < high) {
      var middle = (low + high) >> 1;
      if (start(elements[middle]) <= moment + 0.05) { low = middle + 1; } else { high = middle; }
    }
    return low ? elements[low - 1] : null;
  }

  function player(box) {
    var audio = box.querySelector("audio"), controls = box.querySelector(".controls");
    var play = controls.querySelector(".play"), seek = controls.querySelector(".seek");
    var elapsed = controls.querySelector(".elapsed"), of = controls.querySelector(".of");
    var now = controls.querySelector(".now"), speed = controls.querySelector(".speed select");
    var chapters = box.querySelectorAll(".chapters [data-start]");
    var lines = box.querySelectorAll(".lines [data-start]"), panel = box.querySelector(".lines");
    var title = now.textContent, playLabel = play.getAttribute("aria-label"), chapter = null, line = null;
    var wanted = null, dragging = false, handsOff = 0;

    function length() { return isFinite(audio.duration) ? audio.duration : Number(seek.max); }

    function mark(before, after) {
      if (before) { before.removeAttribute("aria-current"); }
      if (after) { after.setAttribute("aria-current", "true"); }
      return after;
    }

    function follow() {
      if (!line || !panel || audio.paused || Date.now() < handsOff) { return; }
      var top = Math.max(0, line.offsetTop - panel.clientHeight / 3);
      if (Math.abs(top - panel.scrollTop) > panel.clientHeight / 6) { panel.scrollTop = top; }
    }

    function show(moment) {
      elapsed.textContent = clock(moment);
      seek.value = moment;
      seek.style.setProperty("--done", (100 * moment / (length() || 1)) + "%");
      seek.setAttribute("aria-valuetext", clock(moment) + " of " + clock(length()));
      var here = at(chapters, moment);
      if (here !== chapter) {
        chapter = mark(chapter, here);
        now.textContent = here ? here.querySelector(".name").textContent : title;
      }
      var spoken = at(lines, moment);
      if (spoken !== line) { line = mark(line, spoken); follow(); }
    }

    function go(moment) {
      moment = Math.min(Math.max(0, moment), length());
      if (audio.readyState > 0) { audio.currentTime = moment; } else { wanted = moment; audio.load(); }
      show(moment);
    }

    function begin() {
      var promise = audio.play();
      if (promise) { promise.catch(function () { controls.hidden = true; audio.hidden = false; }); }
    }

    function ticks() {
      var rail = controls.querySelector(".rail");
      rail.querySelectorAll(".tick").forEach(function (old) { old.remove(); });
      chapters.forEach(function (one) {
        if (start(one) <= 0) { return; }
        var tick = document.createElement("span");
        tick.className = "tick";
        tick.style.setProperty("--at", (100 * start(one) / (length() || 1)) + "%");
        rail.appendChild(tick);
      });
    }

    play.addEventListener("click", function () { if (audio.paused) { begin(); } else { audio.pause(); } });
    controls.querySelectorAll(".skip").forEach(function (button) {
      button.addEventListener("click", function () { go(audio.currentTime + Number(button.dataset.by)); });
    });
    seek.addEventListener("input", function () { dragging = true; show(Number(seek.value)); });
    seek.addEventListener("change", function () { dragging = false; go(Number(seek.value)); });
    speed.addEventListener("change", function () { audio.playbackRate = Number(speed.value); });

    ["play", "pause", "ended"].forEach(function (event) {
      audio.addEventListener(event, function () {
        box.classList.toggle("playing", !audio.paused);
        play.setAttribute("aria-label", audio.paused ? playLabel : play.dataset.pause);
      });
    });
    audio.addEventListener("timeupdate", function () { if (!dragging) { show(audio.currentTime); } });
    audio.addEventListener("loadedmetadata", function () {
      seek.max = Math.ceil(length());
      of.textContent = "/ " + clock(length());
      if (wanted !== null) { audio.currentTime = wanted; wanted = null; }
      ticks();
    });
    if (panel) {
      ["wheel", "touchmove", "keydown"].forEach(function (event) {
        panel.addEventListener(event, function () { handsOff = Date.now() + 4000; }, { passive: true });
      });
      box.querySelector("details").addEventListener("toggle", follow);
    }

    /* Chapters, transcript lines and headings are links into the audio file; here they move the player. */
    document.addEventListener("click", function (event) {
      var link = event.target.closest("a[data-start]");
      if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) { return; }
      event.preventDefault();
      go(start(link));
      begin();
    });

    audio.hidden = true;
    controls.hidden = false;
    ticks();
    show(0);
  }

  document.querySelectorAll("[data-player]").forEach(player);
})();
