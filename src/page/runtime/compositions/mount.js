// Nested compositions: `data-composition-src` and templates, put into their hosts.
//
// A host is filled as soon as the parser has passed it, before the page's next script runs, so that
// scripts of the outer document see the whole tree. Scripts of mounted files run after all those
// that the parser ran, in the order of their hosts and each for its own instance only (scope.js).
// The file's root stays as a box inside the host; its ids and its timing go to the host, since
// neither may occur twice (the conventions are HyperFrames').

import { native, nativeMethod } from "../natives.js";
import {
  HOST_MARK,
  ROOT_MARK,
  SCOPE_MARK,
  addInstance,
  allInstances,
  instanceAround,
  instanceAt,
} from "./instances.js";
import { fetchText, resolveAsset } from "./files.js";
import { absoluteAddresses, addScopedStyles, linkStylesheet } from "./scoped_styles.js";
import { scopedSource } from "./scope.js";
import { markClipsDirty, numberAttribute } from "../time/timing.js";
import { declaredVariables, instanceValues, isParsed, setProperties } from "./variables.js";
import { describeElement, warnOnce } from "../warnings.js";
import { normalizeLayout } from "./layout.js";

/** Attributes of the host that replace the root's. */
const HOSTS_OWN = [
  "data-composition-id",
  "data-composition-src",
  "data-start",
  "data-duration",
  "data-end",
  "data-track-index",
  "data-track",
  "data-layer",
];
const SCRIPT_KINDS = /^(?:|module|(?:text|application)\/(?:java|ecma)script)$/i;
const MAX_DEPTH = 16;

const matchesHost = nativeMethod(Element.prototype, "matches");

/** Hosts that are not filled yet. */
const hosts = new Set();
/** @type {(() => void)[]} scripts of mounted files, in their order */
const scripts = [];
let running = false;
let lastNumber = 0;

export function scriptsToRun() {
  return scripts.length;
}

export function meetHost(element) {
  if (matchesHost(element, "[data-composition-src]") && !instanceAt(element)) hosts.add(element);
}

/** Fills hosts that the parser has passed; at the end of the document also runs their scripts. */
export function mountPending() {
  for (const host of hosts) {
    if (!isParsed(host)) continue;
    hosts.delete(host);
    if (host.isConnected) mountFile(host);
  }
  if (document.readyState === "loading") return;
  openTemplate();
  mountTemplates();
  if (hosts.size === 0) runScripts();
}

function runScripts() {
  if (running) return;
  running = true;
  normalizeLayout();
  while (scripts.length > 0) scripts.shift()();
  running = false;
}

function mountFile(host) {
  const name = host.getAttribute("data-composition-src").trim();
  const parent = instanceAround(host);
  const base = parent?.url ?? document.baseURI;
  const about = `data-composition-src of ${describeElement(host)}${parent ? ` in ${parent.name}` : ""}`;
  if (name === "") {
    warnOnce("composition_missing", `${about} is empty, expected the address of an HTML file`);
    return;
  }
  const url = resolveAsset(name, base);
  let depth = 0;
  for (let each = parent; each; each = each.parent) {
    depth += 1;
    if (each.url === url || depth > MAX_DEPTH) {
      warnOnce(
        "composition_cycle",
        `${about} names ${name}, which contains itself; it is left out`,
      );
      return;
    }
  }
  const text = fetchText(url);
  if (text === null) {
    warnOnce("composition_missing", `${about} names ${name}, which could not be loaded (${url})`);
    return;
  }
  const parsed = new native.DOMParser().parseFromString(text, "text/html");
  const templates = Array.from(parsed.querySelectorAll("template"));
  const template =
    templates.find(({ content }) => content.querySelector("[data-composition-id]")) ?? templates[0];
  const content = template?.content ?? parsed.body;
  if (!content.firstElementChild) {
    warnOnce(
      "composition_empty",
      `${about} names ${name}, which has no content, expected a <template> or a <body> with a composition`,
    );
    return;
  }
  const heads = template ? [] : Array.from(parsed.head.querySelectorAll("style, link, script"));
  mount(host, { content, heads, declaring: [parsed.documentElement], name, url, parent });
}

let hasOpened = false;

/** The template that is the whole document; null otherwise. */
function onlyTemplate() {
  const { head, body } = document;
  if (!body || body.textContent.trim() !== "") return null;
  // The parser puts a template at the very beginning of a file into the head.
  const inBody = Array.from(body.children);
  const found = inBody.length > 0 ? inBody : Array.from(head?.querySelectorAll("template") ?? []);
  const [only] = found;
  return found.length === 1 && only instanceof HTMLTemplateElement && only.content.firstElementChild
    ? only
    : null;
}

// A file that is made to be mounted shows its template when it is opened itself.
function openTemplate() {
  if (hasOpened) return;
  hasOpened = true;
  const template = onlyTemplate();
  if (!template) return;
  const content = document.importNode(template.content, true);
  const taken = Array.from(content.querySelectorAll("script")).filter((part) =>
    SCRIPT_KINDS.test(part.type),
  );
  taken.forEach((part) => part.remove());
  template.remove();
  const whole = { root: document.body, name: "the template" };
  document.body.append(content);
  for (const script of taken) {
    const source = script.getAttribute("src");
    const isModule = script.type.toLowerCase() === "module";
    if (source !== null)
      scripts.push(() => runFile(resolveAsset(source, document.baseURI), isModule, whole));
    else if (isModule) scripts.push(() => runModule(script.textContent, whole));
    else scripts.push(() => runText(script.textContent, document.body, whole, whole.name));
  }
  markClipsDirty();
}

// An empty element with a composition's id, and a <template id="ID-template">.
function mountTemplates() {
  for (const host of document.querySelectorAll(
    "[data-composition-id]:empty:not([data-composition-src])",
  )) {
    const id = host.getAttribute("data-composition-id");
    const template = /** @type {HTMLTemplateElement} */ (
      id && document.querySelector(`template#${CSS.escape(id)}-template`)
    );
    if (!template || instanceAt(host)) continue;
    const content = document.importNode(template.content, true);
    mount(host, {
      content,
      heads: [],
      declaring: [],
      name: `#${template.id}`,
      url: document.baseURI,
      parent: instanceAround(host),
    });
  }
}

function findInnerRoot(content, id) {
  const all = Array.from(content.querySelectorAll("[data-composition-id]"));
  return (
    all.find((element) => element.getAttribute("data-composition-id") === id) ?? all[0] ?? null
  );
}

// Two instances of one file must not overwrite each other's timelines.
function uniqueKey(id) {
  const taken = new Set(allInstances().map(({ key }) => key));
  let key = id;
  for (let count = 2; taken.has(key); count++) key = `${id}#${count}`;
  return key;
}

function mount(host, { content, heads, declaring, name, url, parent }) {
  const inner = findInnerRoot(content, host.getAttribute("data-composition-id"));
  if (!inner)
    warnOnce(
      "composition_no_root",
      `${name} has no element with data-composition-id; all of it is shown`,
    );
  const id =
    inner?.getAttribute("data-composition-id") ?? host.getAttribute("data-composition-id") ?? name;
  const declared = declaredVariables(inner ? [...declaring, inner] : declaring, name);
  const instance = {
    number: ++lastNumber,
    host,
    root: null,
    id,
    key: uniqueKey(host.getAttribute("data-composition-id") ?? id),
    url,
    name,
    parent,
    rootId: inner?.id || null,
    length: numberAttribute(inner, "data-duration"),
    declared,
    values: instanceValues(declared, host),
    expectsTimeline: false,
  };
  // Styles and scripts are removed wherever they are; data blocks stay.
  const parts = [...heads, ...Array.from(content.querySelectorAll("style, link, script"))].filter(
    (part) => part.localName !== "script" || SCRIPT_KINDS.test(part.type),
  );
  parts.forEach((part) => part.remove());
  absoluteTree(content, url);

  host.replaceChildren();
  host.setAttribute(HOST_MARK, name);
  if (!host.hasAttribute("data-composition-id"))
    host.setAttribute("data-composition-id", instance.key);
  host.setAttribute(SCOPE_MARK, String(instance.number));
  instance.root = inner ? document.importNode(inner, true) : wrap(content);
  dressRoot(instance);
  host.append(instance.root);
  host.removeAttribute("data-composition-src");
  addInstance(instance);
  setProperties([host, instance.root], instance.values);
  for (const part of parts) {
    if (part.localName === "style") addScopedStyles(part.textContent, url, instance, part.media);
    else if (part.localName === "link") addLink(part, instance);
    else addScript(part, instance);
  }
  markClipsDirty();
}

function wrap(content) {
  const box = document.createElement("div");
  box.append(...Array.from(content.childNodes, (node) => document.importNode(node, true)));
  return box;
}

function dressRoot({ root, host, number, rootId }) {
  HOSTS_OWN.forEach((attribute) => root.removeAttribute(attribute));
  root.removeAttribute("id");
  if (rootId) root.setAttribute("data-hf-authored-id", rootId);
  root.setAttribute(ROOT_MARK, String(number));
  for (const side of ["width", "height"]) {
    const pixels = root.getAttribute(`data-${side}`);
    root.style.setProperty(side, pixels ? `${pixels}px` : "100%");
    if (pixels && !host.hasAttribute(`data-${side}`)) host.setAttribute(`data-${side}`, pixels);
  }
}

// Addresses in attributes are relative to the file, not to the document around it.
function absoluteTree(content, base) {
  if (base === document.baseURI) return;
  for (const element of content.querySelectorAll(
    "[src], [href], [poster], [srcset], [style], [data-composition-src], template",
  )) {
    if (element.localName === "template") absoluteTree(element.content, base);
    for (const name of ["src", "href", "poster"]) {
      const address = element.getAttribute(name);
      if (address && !(name === "href" && element.localName === "a"))
        element.setAttribute(name, resolveAsset(address, base));
    }
    const set = element.getAttribute("srcset");
    if (set)
      element.setAttribute(
        "srcset",
        set
          .split(",")
          .map((entry) => entry.trim().replace(/^\S+/, (address) => resolveAsset(address, base)))
          .join(", "),
      );
    const style = element.getAttribute("style");
    if (style?.includes("url(")) element.setAttribute("style", absoluteAddresses(style, base));
  }
}

function addLink(link, instance) {
  if (!link.relList.contains("stylesheet")) return;
  const address = resolveAsset(link.getAttribute("href") ?? "", instance.url);
  const isOurs = new URL(address, document.baseURI).origin === location.origin;
  const text = isOurs ? fetchText(address) : null;
  if (text === null) linkStylesheet(address, link.media, instance);
  else addScopedStyles(text, address, instance, link.media);
}

function addScript(script, instance) {
  const source = script.getAttribute("src");
  const isModule = script.type.toLowerCase() === "module";
  if (source !== null) {
    const address = resolveAsset(source, instance.url);
    instance.expectsTimeline ||=
      new URL(address, document.baseURI).origin === location.origin &&
      /__timelines/.test(fetchText(address) ?? "");
    scripts.push(() => runFile(address, isModule, instance));
    return;
  }
  const text = script.textContent;
  instance.expectsTimeline ||= text.includes("__timelines");
  scripts.push(() =>
    isModule
      ? runModule(text, instance)
      : runText(scopedSource(text, instance), instance.root, instance, instance.name),
  );
}

const loadedFiles = new Set();

// A library is loaded once, even if several files use it.
function runFile(address, isModule, instance) {
  if (
    loadedFiles.has(address) ||
    Array.from(document.scripts).some((script) => script.src === address)
  )
    return;
  loadedFiles.add(address);
  const text = isModule ? null : fetchText(address);
  if (text !== null) {
    runText(`${text}\n//# sourceURL=${address}`, document.head, instance, address);
    return;
  }
  const script = document.createElement("script");
  if (isModule) script.type = "module";
  script.async = false;
  script.src = address;
  document.head.append(script);
}

function runModule(text, instance) {
  const script = document.createElement("script");
  script.type = "module";
  script.textContent = text;
  instance.root.append(script);
}

// An error, even a syntax error, ends this script and no other.
function runText(text, parent, instance, name) {
  const script = document.createElement("script");
  script.textContent = text;
  const failed = ({ message, lineno }) =>
    warnOnce(
      "sub_timeline_script_failure",
      `a script of ${name} failed${name === instance.name ? "" : ` (wanted by ${instance.name})`}: ${message} (line ${lineno})`,
    );
  native.listen(window, "error", failed, true);
  parent.append(script);
  script.remove();
  native.unlisten(window, "error", failed, true);
}
