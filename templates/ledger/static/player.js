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

  /* What a reader heard stays in their browser; where it keeps nothing, nothing is lost but the place. */
  function kept(key, value) {
    try {
      if (value === undefined) { return Number(localStorage.getItem(key)) || 0; }
      if (value) { localStorage.setItem(key, value); } else { localStorage.removeItem(key); }
    } catch (refused) { /* storage is off */ }
    return 0;
  }

  /* Where a link to this page points in its sound: #t=90 or #t=1:30; null where it does not. */
  function shared() {
    var found = /[#&]t=(\d+(?:[:.]\d+)*)/.exec(location.hash);
    return found && found[1].split(":").reduce(function (sum, part) { return sum * 60 + Number(part); }, 0);
  }

  function player(box) {
    var audio = box.querySelector("audio"), controls = box.querySelector(".controls");
    var play = controls.querySelector(".play"), seek = controls.querySelector(".seek"), rail = controls.querySelector(".rail");
    var elapsed = controls.querySelector(".elapsed"), of = controls.querySelector(".of");
    var now = controls.querySelector(".now"), speed = controls.querySelector(".speed select"), share = controls.querySelector(".share");
    var chapters = box.querySelectorAll(".chapters [data-start]");
    var lines = box.querySelectorAll(".lines [data-start]"), panel = box.querySelector(".lines");
    var title = now.textContent, playLabel = play.getAttribute("aria-label"), shareLabel = share.textContent;
    var chapter = null, line = null, wanted = null, dragging = false, handsOff = 0, saved = 0;
    var place = "heard " + new URL(audio.querySelector("source").src, location.href).pathname;

    function length() { return isFinite(audio.duration) ? audio.duration : Number(seek.max); }

    function mark(before, after) {
      if (before) { before.removeAttribute("aria-current"); }
      if (after) { after.setAttribute("aria-current", "true"); }
      return after;
    }

    /* One line of the transcript is reached by Tab, the others from it by the arrow keys. */
    function reachable(one) {
      lines.forEach(function (other) { other.tabIndex = other === one ? 0 : -1; });
    }

    function follow() {
      if (!line || !panel || audio.paused || Date.now() < handsOff) { return; }
      var top = Math.max(0, line.offsetTop - panel.clientHeight / 3);
      if (Math.abs(top - panel.scrollTop) > panel.clientHeight / 6) { panel.scrollTop = top; }
    }

    function show(moment) {
      elapsed.textContent = clock(moment);
      seek.value = moment;
      rail.style.setProperty("--done", (100 * moment / (length() || 1)) + "%");
      seek.setAttribute("aria-valuetext", seek.dataset.text.replace("{now}", clock(moment)).replace("{end}", clock(length())));
      share.href = share.href.replace(/#.*$/, "") + "#t=" + Math.floor(moment);
      var here = at(chapters, moment);
      if (here !== chapter) {
        chapter = mark(chapter, here);
        now.textContent = here ? here.querySelector(".name").textContent : title;
      }
      var spoken = at(lines, moment);
      if (spoken !== line) { line = mark(line, spoken); reachable(line || lines[0]); follow(); }
    }

    function go(moment) {
      moment = Math.min(Math.max(0, moment), length());
      if (audio.readyState > 0) { audio.currentTime = moment; } else { wanted = moment; audio.load(); }
      show(moment);
    }

    function begin() {
      var promise = audio.play();
      if (promise) {
        promise.catch(function (refused) {
          if (refused.name !== "AbortError") { controls.hidden = true; audio.hidden = false; }
        });
      }
    }

    function remember() {
      var moment = audio.currentTime;
      saved = Date.now();
      kept(place, moment > 5 && moment < length() - 10 ? Math.floor(moment) : 0);
    }

    function ticks() {
      rail.querySelectorAll(".tick").forEach(function (old) { old.remove(); });
      chapters.forEach(function (one) {
        if (start(one) <= 0) { return; }
        var tick = document.createElement("span");
        tick.className = "tick";
        tick.style.setProperty("--at", (100 * start(one) / (length() || 1)) + "%");
        rail.appendChild(tick);
      });
    }

    function chapterAway(by) {
      var here = Array.prototype.indexOf.call(chapters, chapter) + by;
      if (chapters[here]) { go(start(chapters[here])); }
    }

    /* What the lock screen and the keys of a headset reach. */
    function announce() {
      if (!("mediaSession" in navigator)) { return; }
      var cover = document.querySelector("link[rel='apple-touch-icon']");
      navigator.mediaSession.metadata = new MediaMetadata({
        title: title, artist: document.querySelector(".wordmark").textContent, artwork: cover ? [{ src: cover.href }] : []
      });
      [
        ["seekbackward", function () { go(audio.currentTime - 15); }],
        ["seekforward", function () { go(audio.currentTime + 30); }],
        ["seekto", function (to) { go(to.seekTime); }],
        ["previoustrack", chapters.length ? function () { chapterAway(-1); } : null],
        ["nexttrack", chapters.length ? function () { chapterAway(1); } : null]
      ].forEach(function (one) {
        try { navigator.mediaSession.setActionHandler(one[0], one[1]); } catch (unknown) { /* an older browser */ }
      });
    }

    play.addEventListener("click", function () { if (audio.paused) { begin(); } else { audio.pause(); } });
    controls.querySelectorAll(".skip").forEach(function (button) {
      button.addEventListener("click", function () { go(audio.currentTime + Number(button.dataset.by)); });
    });
    seek.addEventListener("input", function () { dragging = true; show(Number(seek.value)); });
    seek.addEventListener("change", function () { dragging = false; go(Number(seek.value)); });
    speed.addEventListener("change", function () {
      audio.defaultPlaybackRate = audio.playbackRate = Number(speed.value);
      kept("speed", speed.value === "1" ? 0 : speed.value);
    });
    share.addEventListener("click", function (event) {
      if (!navigator.clipboard) { return; }
      event.preventDefault();
      navigator.clipboard.writeText(share.href).then(function () {
        share.textContent = share.dataset.done;
        setTimeout(function () { share.textContent = shareLabel; }, 2000);
      }, function () { location.href = share.href; });
    });

    ["play", "pause", "ended"].forEach(function (event) {
      audio.addEventListener(event, function () {
        box.classList.toggle("playing", !audio.paused);
        play.setAttribute("aria-label", audio.paused ? playLabel : play.dataset.pause);
        if (event === "play") { announce(); } else { remember(); }
      });
    });
    audio.addEventListener("timeupdate", function () {
      if (!dragging) { show(audio.currentTime); }
      if (!audio.paused && Date.now() > saved + 5000) { remember(); }
    });
    audio.addEventListener("loadedmetadata", function () {
      seek.max = Math.ceil(length());
      of.textContent = "/ " + clock(length());
      if (wanted !== null) { audio.currentTime = wanted; wanted = null; }
      ticks();
    });
    window.addEventListener("pagehide", function () { if (audio.currentTime > 0) { remember(); } });
    if (panel) {
      ["wheel", "touchmove", "keydown"].forEach(function (event) {
        panel.addEventListener(event, function () { handsOff = Date.now() + 4000; }, { passive: true });
      });
      panel.addEventListener("keydown", function (event) {
        var next = Array.prototype.indexOf.call(lines, document.activeElement) + { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!lines[next] || !document.activeElement.dataset.start) { return; }
        event.preventDefault();
        reachable(lines[next]);
        lines[next].focus();
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
    window.addEventListener("hashchange", function () { if (shared() !== null) { go(shared()); } });

    audio.hidden = true;
    controls.hidden = false;
    ticks();
    speed.value = String(kept("speed") || 1);
    if (!speed.value) { speed.value = "1"; }
    audio.defaultPlaybackRate = audio.playbackRate = Number(speed.value);
    if (lines.length) { reachable(lines[0]); }
    show(0);
    var first = shared() !== null ? shared() : kept(place);
    if (first) { go(first); }
  }

  document.querySelectorAll("[data-player]").forEach(player);
})();
