#!/usr/bin/env node
// A file of its own, so that it is executable in a clone: what the compiler writes is not.
import '../dist/src/cli/main.js';
