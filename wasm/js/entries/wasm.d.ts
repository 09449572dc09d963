/** The WebAssembly module itself, for `load()`. The bundler decides what importing it gives. */
declare const module: any;
export default module;
