// Follows an unfinished job: what it writes is put behind what stands there as it comes, and what the page says of its state is asked for
// again when that has changed. At its end the page is loaded once more as a whole.
"use strict";
(() => {
  const head = document.getElementById("live");
  if (!head?.dataset.stream) return;
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  // Characters of a stream that stand in the page; the whole of it is a link away.
  const most = 100_000;
  const boxes = new Map(Array.from(document.querySelectorAll("pre[data-tail]")).map((box) => [box.dataset.tail, box]));
  const places = new Map(Array.from(boxes, ([name, box]) => [name, Number(box.dataset.bytes)]));

  // Output is followed to its end, unless somebody has scrolled up to read.
  const isAtEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const follow = (box) => { box.scrollTop = box.scrollHeight; };
  boxes.forEach(follow);

  const write = ({ stream, from, to, text }) => {
    const box = boxes.get(stream);
    const place = places.get(stream);
    if (!box || to <= place) return;
    // After a connection was lost the first of it may stand there already.
    const news = from < place ? decoder.decode(encoder.encode(text).slice(place - from)) : text;
    const wasAtEnd = isAtEnd(box);
    const code = box.querySelector("code");
    // What a fast program has written meanwhile is left out.
    const whole = (from > place ? "…" : code.textContent) + news;
    if (from > place || whole.length > most) code.textContent = whole.slice(-most);
    else code.append(news);
    places.set(stream, to);
    box.hidden = false;
    box.parentElement.querySelector("[data-nothing]")?.remove();
    if (wasAtEnd) follow(box);
  };
  const clear = ({ stream }) => {
    const box = boxes.get(stream);
    if (!box) return;
    box.querySelector("code").textContent = "";
    places.set(stream, 0);
  };

  let etag = null;
  let isAsking = false;
  let isWanted = false;
  let timer;
  const ask = async () => {
    isWanted = true;
    if (isAsking) return;
    isAsking = true;
    clearTimeout(timer);
    while (isWanted) {
      isWanted = false;
      try {
        const headers = etag ? { "If-None-Match": etag } : {};
        const answer = await fetch(head.dataset.live, { headers, credentials: "same-origin", cache: "no-store" });
        if (answer.headers.get("X-Panal-Final") === "true" || answer.redirected || answer.status === 404) {
          location.reload();
          return;
        }
        if (answer.status === 200) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          for (const id of ["live-head", "live-graphs", "live-rest"]) {
            const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
            // Somebody who is inside with the keyboard is not thrown out of their place.
            if (!fresh || old.innerHTML === fresh.innerHTML || old.contains(document.activeElement)) continue;
            old.replaceChildren(...fresh.childNodes);
          }
          etag = answer.headers.get("ETag");
        }
      } catch {
        // The next look may find it.
      }
    }
    isAsking = false;
    // How many are ahead, and what is used, changes without a word of this job.
    timer = setTimeout(ask, document.hidden ? 10_000 : 2_000);
  };

  const query = Array.from(places, ([name, place]) => `${name}=${place}`).join("&");
  const source = new EventSource(`${head.dataset.stream}?${query}`);
  const heard = (name, act) => source.addEventListener(name, (event) => act(JSON.parse(event.data)));
  heard("output", write);
  heard("reset", clear);
  heard("state", ask);
  for (const end of ["end", "refused"]) {
    heard(end, () => {
      source.close();
      location.reload();
    });
  }
  timer = setTimeout(ask, 5_000);
})();
