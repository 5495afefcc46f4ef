// SPDX-License-Identifier: Apache-2.0
// What the packs say about types: titles, units, levels, rules; and how values are shown by it.
import { shallowRef } from 'vue';
import { readModel } from './api';
import { formatNumber } from './format';
import { say, t } from './texts';
import type { AttributeModel, Entity, Level, Model, RuleSummary, StateModel, TypeModel } from './types';

export const model = shallowRef<Model | null>(null);

export async function loadModel(): Promise<void> {
  model.value = await readModel();
}

export function typeOf(entity: { type: string | string[] }): string {
  return Array.isArray(entity.type) ? (entity.type.find((t) => model.value?.types[t]) ?? entity.type[0]) : entity.type;
}

export function typeModel(type: string): TypeModel | undefined {
  return model.value?.types[type];
}

export function typeTitle(type: string): string {
  return say(typeModel(type)?.title) || type;
}

/** Types drawn on the map, in the order of the packs. */
export function layerTypes(): string[] {
  return Object.entries(model.value?.types ?? {}).filter(([, t]) => t.layer).map(([name]) => name);
}

export function attributeModel(type: string, attribute: string): AttributeModel | undefined {
  return typeModel(type)?.attributes?.[attribute];
}

export function attributeTitle(type: string, attribute: string): string {
  return say(attributeModel(type, attribute)?.title) || attribute;
}

export function unitOf(type: string, attribute: string): string {
  return attributeModel(type, attribute)?.unit ?? '';
}

/** A value as people read it, with the decimals of the model, without its unit. */
export function formatValue(type: string, attribute: string, value: unknown): string {
  if (value === null || value === undefined) return '—';
  const known = attributeModel(type, attribute);
  if (typeof value === 'number') return formatNumber(value, known?.decimals);
  if (typeof value === 'boolean') return t(value ? 'common.yes' : 'common.no');
  if (typeof value === 'string') return say(known?.values?.[value]) || value;
  if (Array.isArray(value)) return value.map((v) => formatValue(type, attribute, v)).join('、');
  return say(value) || JSON.stringify(value);
}

export function withUnit(type: string, attribute: string, value: unknown): string {
  const unit = unitOf(type, attribute);
  const shown = formatValue(type, attribute, value);
  return unit && typeof value === 'number' ? `${shown} ${unit}` : shown;
}

/** The level that a value of the primary attribute falls in: the first whose upper bound is not below it. */
export function levelOf(levels: Level[] | undefined, value: unknown): Level | undefined {
  if (!levels?.length || typeof value !== 'number') return undefined;
  return levels.find((level) => level.to === undefined || level.to === null || level.to >= value) ?? levels[levels.length - 1];
}

export function nameOf(entity: Entity): string {
  const named = typeModel(typeOf(entity))?.name_attribute ?? 'name';
  return say(entity[named]) || say(entity.name) || entity.id.replace(/^urn:ngsi-ld:/, '');
}

/** "/渝中区/大坪街道/袁家岗社区" → "大坪街道 · 袁家岗社区" */
export function placeOf(scope: string | string[] | null | undefined): string {
  const path = Array.isArray(scope) ? scope[0] : scope;
  return path ? path.split('/').filter(Boolean).slice(1).join(' · ') : '';
}

export function streetOf(scope: string | string[] | null | undefined): string {
  const path = Array.isArray(scope) ? scope[0] : scope;
  return path?.split('/').filter(Boolean)[1] ?? '';
}

export function ruleOf(name: string): RuleSummary | undefined {
  return model.value?.rules.find((r) => r.name === name || `${r.pack}:${r.name}` === name);
}

export interface WorkflowState {
  name: string;
  title: string;
  final: boolean;
}

/** The states of a workflow in the order of the pack. */
export function workflowStates(workflow: string): WorkflowState[] {
  const states = model.value?.workflows?.[workflow]?.states;
  if (!states) return [];
  const pairs: [string, StateModel][] = Array.isArray(states)
    ? states.map((s) => [s.name ?? '', s])
    : Object.entries(states);
  return pairs.map(([name, s]) => ({ name, title: say(s?.title ?? name), final: s?.kind === 'closed' || Boolean(s?.final) }));
}

export function stateTitle(workflow: string, state: string): string {
  return workflowStates(workflow).find((s) => s.name === state)?.title || state;
}
