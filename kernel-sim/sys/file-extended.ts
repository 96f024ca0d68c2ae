import { EBADF, EOPNOTSUPP } from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread } from '../kern/state.ts';
import { fail, type SyscallResult } from '../kern/syscall-result.ts';
import { getFile } from '../vfs/filedesc.ts';
import { userVnode } from './file-paths.ts';
import type { SyscallRow } from './row.ts';

/*
 * Access control lists and extended attributes. The one file system there is has neither, as FreeBSD's tmpfs: a file that is there
 * answers EOPNOTSUPP (vfs_default.c), which archivers take for "none".
 */

type Args = readonly number[];

const ofPath =
  (follow: boolean) =>
  (k: Kernel, td: Thread, [path]: Args): SyscallResult => {
    const vnode = userVnode(k, td, fcntl.AT_FDCWD, path!, { follow });
    return fail(typeof vnode === 'number' ? vnode : EOPNOTSUPP);
  };

const unsupportedFile = ofPath(true);
const unsupportedLink = ofPath(false);
const unsupportedFd = (k: Kernel, td: Thread, [fd]: Args): SyscallResult =>
  fail(getFile(k, td, fd!) ? EOPNOTSUPP : EBADF);

// biome-ignore format: one call per line
export const extendedSyscalls: readonly SyscallRow[] = [
  { number: 347, name: '__acl_get_file', args: [['path', 'str'], ['type', 'int'], ['acl', 'out']], support: 'full', handler: unsupportedFile },
  { number: 348, name: '__acl_set_file', args: [['path', 'str'], ['type', 'int'], ['acl', 'in']], support: 'full', handler: unsupportedFile },
  { number: 349, name: '__acl_get_fd', args: [['fd', 'fd'], ['type', 'int'], ['acl', 'out']], support: 'full', handler: unsupportedFd },
  { number: 350, name: '__acl_set_fd', args: [['fd', 'fd'], ['type', 'int'], ['acl', 'in']], support: 'full', handler: unsupportedFd },
  { number: 351, name: '__acl_delete_file', args: [['path', 'str'], ['type', 'int']], support: 'full', handler: unsupportedFile },
  { number: 352, name: '__acl_delete_fd', args: [['fd', 'fd'], ['type', 'int']], support: 'full', handler: unsupportedFd },
  { number: 353, name: '__acl_aclcheck_file', args: [['path', 'str'], ['type', 'int'], ['acl', 'in']], support: 'full', handler: unsupportedFile },
  { number: 354, name: '__acl_aclcheck_fd', args: [['fd', 'fd'], ['type', 'int'], ['acl', 'in']], support: 'full', handler: unsupportedFd },
  { number: 356, name: 'extattr_set_file', args: [['path', 'str'], ['attrnamespace', 'int'], ['attrname', 'str'], ['data', 'in'], ['nbytes', 'size']], support: 'full', handler: unsupportedFile },
  { number: 357, name: 'extattr_get_file', args: [['path', 'str'], ['attrnamespace', 'int'], ['attrname', 'str'], ['data', 'out'], ['nbytes', 'size']], support: 'full', handler: unsupportedFile },
  { number: 358, name: 'extattr_delete_file', args: [['path', 'str'], ['attrnamespace', 'int'], ['attrname', 'str']], support: 'full', handler: unsupportedFile },
  { number: 371, name: 'extattr_set_fd', args: [['fd', 'fd'], ['attrnamespace', 'int'], ['attrname', 'str'], ['data', 'in'], ['nbytes', 'size']], support: 'full', handler: unsupportedFd },
  { number: 372, name: 'extattr_get_fd', args: [['fd', 'fd'], ['attrnamespace', 'int'], ['attrname', 'str'], ['data', 'out'], ['nbytes', 'size']], support: 'full', handler: unsupportedFd },
  { number: 373, name: 'extattr_delete_fd', args: [['fd', 'fd'], ['attrnamespace', 'int'], ['attrname', 'str']], support: 'full', handler: unsupportedFd },
  { number: 412, name: 'extattr_set_link', args: [['path', 'str'], ['attrnamespace', 'int'], ['attrname', 'str'], ['data', 'in'], ['nbytes', 'size']], support: 'full', handler: unsupportedLink },
  { number: 413, name: 'extattr_get_link', args: [['path', 'str'], ['attrnamespace', 'int'], ['attrname', 'str'], ['data', 'out'], ['nbytes', 'size']], support: 'full', handler: unsupportedLink },
  { number: 414, name: 'extattr_delete_link', args: [['path', 'str'], ['attrnamespace', 'int'], ['attrname', 'str']], support: 'full', handler: unsupportedLink },
  { number: 425, name: '__acl_get_link', args: [['path', 'str'], ['type', 'int'], ['acl', 'out']], support: 'full', handler: unsupportedLink },
  { number: 426, name: '__acl_set_link', args: [['path', 'str'], ['type', 'int'], ['acl', 'in']], support: 'full', handler: unsupportedLink },
  { number: 427, name: '__acl_delete_link', args: [['path', 'str'], ['type', 'int']], support: 'full', handler: unsupportedLink },
  { number: 428, name: '__acl_aclcheck_link', args: [['path', 'str'], ['type', 'int'], ['acl', 'in']], support: 'full', handler: unsupportedLink },
  { number: 437, name: 'extattr_list_fd', args: [['fd', 'fd'], ['attrnamespace', 'int'], ['data', 'out'], ['nbytes', 'size']], support: 'full', handler: unsupportedFd },
  { number: 438, name: 'extattr_list_file', args: [['path', 'str'], ['attrnamespace', 'int'], ['data', 'out'], ['nbytes', 'size']], support: 'full', handler: unsupportedFile },
  { number: 439, name: 'extattr_list_link', args: [['path', 'str'], ['attrnamespace', 'int'], ['data', 'out'], ['nbytes', 'size']], support: 'full', handler: unsupportedLink },
];
