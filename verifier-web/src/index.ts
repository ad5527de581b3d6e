// The pages a person sees on the phone: a model goes in, an HTML document comes out. No requests, no store, no clock,
// and no scripts: everything works with forms and links alone. Routes, sessions and headers live in the server.
export { type Asset, MARK, STYLESHEET } from './assets.ts'
export type { Chrome } from './layout.tsx'
export { type Locale, negotiateLocale, UI_LOCALES } from './locales/locale.ts'
export { type ConsentModel, consentPage } from './pages/consent.tsx'
export { type DeviceModel, devicePage } from './pages/device.tsx'
export { type LinkModel, linkPage } from './pages/link.tsx'
export { type LoggedOutModel, type LogoutModel, loggedOutPage, logoutPage } from './pages/logout.tsx'
export { type OutcomeModel, outcomePage } from './pages/outcome.tsx'
export { type ProblemModel, problemPage } from './pages/problem.tsx'
export { type SignInModel, signInPage } from './pages/sign-in.tsx'
