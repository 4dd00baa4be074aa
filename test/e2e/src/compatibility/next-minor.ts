/** What a later minor version may say more than this one knows. */
export const laterFields = { later: { than: 'this version' }, alsoLater: [1, 2, 3] };

export const laterCondition = {
  type: 'LaterCondition',
  status: 'False',
  reason: 'NotKnownYet',
  message: 'this version knows nothing of it',
  observedGeneration: 1,
  lastTransitionTime: 1,
  ...laterFields,
};

/** Puts fields that are not known yet into every object of a JSON value. */
export function withLaterFields(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withLaterFields);
  if (typeof json !== 'object' || json === null) return json;
  const known = Object.entries(json).map(([key, value]) => [key, withLaterFields(value)] as const);
  return { ...Object.fromEntries(known), ...laterFields };
}
