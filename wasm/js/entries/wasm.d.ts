/** The WebAssembly module itself, for `load()`: what importing it gives is the bundler's choice. */
declare const module: any;
export default module;
