// A page of the bench as a React component: its markup, styles and scripts as they are, moved by the
// frame. CSS animations are stopped and given the frame's time, timelines of GSAP are seeked, and what
// draws by itself gets the event that it listens to.
import React, { useEffect, useLayoutEffect, useRef, useState } from "react";
import { AbsoluteFill, continueRender, delayRender, staticFile, useCurrentFrame, useVideoConfig } from "remotion";

// Scripts that come with the markup do not run by themselves.
async function run(scripts, folder) {
  for (const script of scripts) {
    const copy = document.createElement("script");
    for (const { name, value } of script.attributes) copy.setAttribute(name, value);
    if (script.type === "importmap") {
      const map = JSON.parse(script.textContent);
      for (const key of Object.keys(map.imports)) map.imports[key] = new URL(map.imports[key], folder).href;
      copy.textContent = JSON.stringify(map);
      document.head.append(copy);
      continue;
    }
    if (script.src || script.getAttribute("src")) {
      copy.src = new URL(script.getAttribute("src"), folder).href;
      await new Promise((resolve, reject) => Object.assign(copy, { onload: resolve, onerror: reject }) && document.head.append(copy));
    } else if (script.type === "module") {
      const done = `page-${Math.random()}`;
      copy.textContent = `${script.textContent}\n;window.dispatchEvent(new Event("${done}"));`;
      await new Promise((resolve) => window.addEventListener(done, resolve, { once: true }) || document.head.append(copy));
    } else {
      // In a function of its own: another page may have used the same names.
      copy.textContent = `{\n${script.textContent}\n}`;
      document.head.append(copy);
    }
  }
}

export function Page({ scene }) {
  const frame = useCurrentFrame();
  const { fps } = useVideoConfig();
  const host = useRef(null);
  const [handle] = useState(() => delayRender("page"));
  const [isReady, setReady] = useState(false);

  useEffect(() => {
    const file = new URL(staticFile(`${scene}/index.html`), location.href).href;
    (async () => {
      const text = await (await fetch(file)).text();
      const page = new DOMParser().parseFromString(text, "text/html");
      const scripts = [...page.querySelectorAll("script")];
      for (const script of scripts) script.remove();
      host.current.replaceChildren(...page.querySelectorAll("style"), ...page.body.childNodes);
      // What ends by the clock is not listed afterwards.
      for (const animation of document.getAnimations()) animation.pause();
      await run(scripts, file);
      await document.fonts.ready;
      setReady(true);
    })().catch((error) => { throw error; });
  }, [scene]);

  useLayoutEffect(() => {
    if (!isReady) return;
    const time = frame / fps;
    for (const timeline of Object.values(window.__timelines ?? {})) timeline.seek(time, false);
    for (const animation of document.getAnimations()) {
      animation.pause();
      animation.currentTime = time * 1000;
    }
    window.dispatchEvent(new CustomEvent("hf-seek", { detail: { time } }));
    continueRender(handle);
  }, [isReady, frame, fps, handle]);

  return <AbsoluteFill ref={host} />;
}
