// The pages a person sees on the phone: a model goes in, an HTML document comes out. No requests, no store, no clock.
// Everything works with forms and links alone; browser/ improves it. Routes, sessions and headers live in the server.

export type { When, Whence } from './account-parts.tsx'
export { ASSETS, type Asset, MARK, STYLESHEET } from './assets.ts'
export type { Chrome } from './layout.tsx'
export { type Locale, langOf, localeOf, negotiateLocale, UI_LOCALES } from './locales/locale.ts'
export { readLogo } from './logo.ts'
export {
  CHANGES,
  type Change,
  type ChangeNotice,
  changeNotice,
  type DeviceNotice,
  deviceNotice,
  type Message,
  type ResetNotice,
  resetNotice,
} from './notices.tsx'
export { PAGE_EVENTS_PATH, PAGE_EVENTS_PROTOCOL, type PageNews } from './page-news.ts'
export { type AccountModel, type AccountNews, accountPage } from './pages/account.tsx'
export { type Activity, activityPage, type Happening } from './pages/account-activity.tsx'
export {
  type AccountAppModel,
  type AccountDeviceModel,
  type AccountEnrolledModel,
  accountAppPage,
  accountDevicePage,
  accountEnrolledPage,
  type RemovalModel,
  removalPage,
} from './pages/account-device.tsx'
export { type BrowsersModel, browsersPage, everywherePage } from './pages/account-sessions.tsx'
export { type CodeModel, codePage } from './pages/code.tsx'
export { type ConsentModel, consentPage } from './pages/consent.tsx'
export { type DeviceModel, devicePage } from './pages/device.tsx'
export {
  type AddIdentityModel,
  addIdentityPage,
  type IdentitiesModel,
  identitiesPage,
} from './pages/identities.tsx'
export { type LanguageModel, languagePage } from './pages/language.tsx'
export { type LinkModel, linkPage } from './pages/link.tsx'
export { type LoggedOutModel, type LogoutModel, loggedOutPage, logoutPage } from './pages/logout.tsx'
export { type OutcomeModel, outcomePage } from './pages/outcome.tsx'
export {
  type OwnPasskey,
  type PasskeyModel,
  type PasskeyNews,
  type PasskeysModel,
  passkeyPage,
  passkeysPage,
} from './pages/passkeys.tsx'
export { type PasswordModel, passwordPage } from './pages/password.tsx'
export { type ProblemModel, type ProblemPlace, problemPage } from './pages/problem.tsx'
export {
  type ForgotModel,
  forgotPage,
  goneResetPage,
  type ResetModel,
  type ResetSentModel,
  resetPage,
  resetSentPage,
} from './pages/reset.tsx'
export {
  type FactorModel,
  type FactorNews,
  type FactorSetupModel,
  factorPage,
  factorSetupPage,
  type RecoveryCodesModel,
  recoveryCodesPage,
  type Square,
} from './pages/second-factor.tsx'
export { type SignInModel, signInPage } from './pages/sign-in.tsx'
export { tooLargePage } from './pages/too-large.tsx'
export { goneUndoPage, type UndoModel, type UndoneModel, undonePage, undoPage } from './pages/undo.tsx'
export { oneLine } from './sentence.ts'
export { keyProblems, keyStylesheet, type Theme } from './theme.ts'
export type { UpstreamChoice, UpstreamNews } from './upstream.tsx'
