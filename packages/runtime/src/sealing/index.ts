export { isSealed, KeyRing, type Unsealed } from './key-ring.ts';
export {
  ifTheKeyIsLost,
  type KeyFileOptions,
  loadKeyFile,
  readKeyCredential,
  readKeyFile,
  replaceKeyFile,
} from './key-file.ts';
export { tokenSecretFile } from './purposes.ts';
export { type Owner, ownerOf, replaceFile } from './replace-file.ts';
export {
  type FoundSecret,
  isSealedFile,
  readSecretFile,
  type SecretFile,
  sealSecretFile,
} from './secret-file.ts';
