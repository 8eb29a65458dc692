// `data-vfx-chain`: chains of effects over what an element shows. They are not drawn.

import { allTrees } from "./shadow_roots.js";
import { describeElement, warnOnce } from "./warnings.js";

const CHAIN_ATTRIBUTE = "data-vfx-chain";

function typesIn(text) {
  const nodes = JSON.parse(text)?.nodes;
  if (!Array.isArray(nodes)) throw new Error("it has no list of nodes");
  return nodes.filter((node) => node?.enabled !== false).map((node) => String(node?.type));
}

/** Names each effect of a chain. */
export function warnVfxChains() {
  for (const tree of allTrees()) {
    for (const element of tree.querySelectorAll(`[${CHAIN_ATTRIBUTE}]`)) {
      const about = `${CHAIN_ATTRIBUTE} of ${describeElement(element)}`;
      try {
        for (const type of typesIn(element.getAttribute(CHAIN_ATTRIBUTE))) warnOnce("vfx_unsupported", `${about}: the effect "${type}" is not drawn`);
      } catch (error) {
        warnOnce("vfx_invalid", `${about} is not understood: ${error.message}`);
      }
    }
  }
}
