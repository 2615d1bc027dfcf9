/** The pages for section 1: one for the program and one for each of its verbs. */
import type { ArgumentNode, CommandNode, OptionNode } from '../commandtree.js';
import { type Notes, parseNotes } from './notes.js';
import { RoffPage } from './roff.js';

export interface ManPage {
  /** `wg-ts-up.1`. */
  readonly file: string;
  readonly text: string;
}

export interface Edition {
  /** `2026-11-23`. */
  readonly date: string;
  readonly version: string;
}

export const PROGRAM = 'wg-ts';
const MANUAL = 'wg-ts manual';
export const CONFIG_PAGE = 'wg-ts.conf';

export function newPage(name: string, section: number, { date, version }: Edition): RoffPage {
  const source = `${PROGRAM} ${version}`;
  return new RoffPage({ name, section, date, source, manual: MANUAL });
}

export function programPage(program: CommandNode, edition: Edition): ManPage {
  const page = newPage(PROGRAM, 1, edition);
  page.section('NAME').nameLine(PROGRAM, summaryLine(program.description));
  page.section('SYNOPSIS').synopsis(PROGRAM, '[options] <command> [arguments]');
  const notes = parseNotes(program.notes);
  page.section('DESCRIPTION').paragraph(program.description);
  addNotes(page, notes);
  page.section('COMMANDS');
  for (const { path, usage, summary } of program.commands)
    page.item(`${PROGRAM} ${path}${usage === '' ? '' : ` ${usage}`}`, sentence(summary));
  addOptions(page, program.options);
  addExamples(page, notes);
  const verbs = program.commands.filter(hasPage);
  page.seeAlso([
    ...verbs.map(({ path }) => [`${PROGRAM}-${path}`, 1] as const),
    [CONFIG_PAGE, 5],
    ['wg', 8],
    ['wg-quick', 8],
  ]);
  return { file: `${PROGRAM}.1`, text: page.toString() };
}

export function verbPage(verb: CommandNode, edition: Edition): ManPage {
  const name = `${PROGRAM}-${verb.path}`;
  const page = newPage(name, 1, edition);
  page.section('NAME').nameLine(name, summaryLine(verb.summary));
  page.section('SYNOPSIS');
  const ways = verb.commands.length === 0 ? [verb] : verb.commands.filter(hasPage);
  for (const [index, way] of ways.entries()) {
    if (index > 0) page.lineBreak();
    page.synopsis(`${PROGRAM} ${way.path}`, usageOf(way));
  }
  page.section('DESCRIPTION').paragraph(verb.description);
  const notes = parseNotes(verb.notes);
  addNotes(page, notes);
  addArguments(page, verb.arguments);
  addOptions(page, verb.options);
  if (verb.commands.length > 0) {
    page.section('COMMANDS');
    for (const inner of verb.commands.filter(hasPage)) addInner(page, inner);
  }
  addExamples(page, notes);
  page.seeAlso([
    [PROGRAM, 1],
    [CONFIG_PAGE, 5],
  ]);
  return { file: `${name}.1`, text: page.toString() };
}

/** False for the `help` that commander adds; --help is among the options. */
export function hasPage({ path }: CommandNode): boolean {
  return path.split(' ').at(-1) !== 'help';
}

function addInner(page: RoffPage, command: CommandNode): void {
  page.subsection(`${PROGRAM} ${command.path} ${usageOf(command)}`.trim());
  page.paragraph(sentence(command.description || command.summary));
  const notes = parseNotes(command.notes);
  addNotes(page, notes);
  for (const { name, description } of command.arguments) page.item(name, description);
  for (const { term, description } of command.options) page.item(term, description);
  if (notes.examples.length > 0) page.literal(notes.examples);
}

function addNotes(page: RoffPage, { parts }: Notes): void {
  for (const part of parts)
    if (part.type === 'literal') page.literal(part.lines);
    else page.paragraph(part.text);
}

function addArguments(page: RoffPage, all: readonly ArgumentNode[]): void {
  const told = all.filter(({ description }) => description !== '');
  if (told.length > 0) page.section('ARGUMENTS');
  for (const { name, description } of told) page.item(name, description);
}

function addOptions(page: RoffPage, options: readonly OptionNode[]): void {
  page.section('OPTIONS');
  for (const { term, description } of options) page.item(term, description);
}

function addExamples(page: RoffPage, { examples }: Notes): void {
  if (examples.length > 0) page.section('EXAMPLES').literal(examples);
}

function usageOf({ options, usage }: CommandNode): string {
  return `${options.length > 0 ? '[options] ' : ''}${usage}`.trim();
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`;
}

function summaryLine(text: string): string {
  return text.replace(/\.$/, '');
}
