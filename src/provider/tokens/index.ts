export { type Grant, LocalTokenKeeper, type Renew, rotatedToken, type Token, type TokenKeeper } from './keeper.js';
export { Damaged, KeyRing, UnknownKey } from './seal.js';
export {
  grantName,
  type SealedToken,
  SharedTokenKeeper,
  type SharedTokenOptions,
  type TokenShelf,
  type TokenSlot,
  type TokenState,
} from './shared.js';
