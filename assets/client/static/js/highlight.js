// Colours for code. The highlighter's tree of tokens is walked here, so that its
// markup is never needed.
import hljs from "../vendor/highlight/core.js";
import css from "../vendor/highlight/css.js";
import graphql from "../vendor/highlight/graphql.js";
import javascript from "../vendor/highlight/javascript.js";
import json from "../vendor/highlight/json.js";
import xml from "../vendor/highlight/xml.js";
import yaml from "../vendor/highlight/yaml.js";

for (const [name, language] of Object.entries({ css, graphql, javascript, json, xml, yaml })) {
  hljs.registerLanguage(name, language);
}

const LONGEST = 300_000; // characters; beyond that colours cost more than they help

/** Scopes of the highlighter with a colour of their own in content.css. */
const CLASSES = {
  attr: "t-name", attribute: "t-name", property: "t-name", name: "t-tag", tag: "t-punct", "selector-tag": "t-tag",
  string: "t-string", regexp: "t-string", link: "t-string", number: "t-number", literal: "t-literal", keyword: "t-literal",
  comment: "t-comment", quote: "t-comment", meta: "t-comment", title: "t-name", built_in: "t-tag", type: "t-tag",
};

/**
 * Splits text into lines of tokens, {text, className}; without a known language each
 * line is one token.
 */
export function highlightLines(text, language) {
  if (!language || text.length > LONGEST) return text.split("\n").map((line) => [{ text: line, className: "" }]);
  const lines = [[]];
  const add = (piece, className) => {
    piece.split("\n").forEach((part, i) => {
      if (i > 0) lines.push([]);
      if (part) lines[lines.length - 1].push({ text: part, className });
    });
  };
  const walk = (node, className) => {
    if (typeof node === "string") add(node, className);
    else for (const child of node.children) walk(child, classOf(child, className));
  };
  const classOf = (node, inherited) =>
    (typeof node === "object" && CLASSES[String(node.scope).split(".")[0]]) || inherited;
  walk(hljs.highlight(text, { language, ignoreIllegals: true })._emitter.rootNode, "");
  return lines;
}
