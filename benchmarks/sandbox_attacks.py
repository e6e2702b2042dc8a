"""Attempts to get out of a box, for `benchmarks.sandbox`: our own, each a way that has worked somewhere.

A program prints a line that begins with ESC when it reached what it must not, and one with SURF when a part of the
kernel answers that should not; some can only be judged from outside, by the canaries of the harness. Placeholders:
@SECRET@ a file of ours, @OUT@ a folder of ours with `marker` and `trunc`, @CANARYPID@ a process of ours, @PARENTPID@
the harness, @ABS@ an abstract socket, @UNIX@ a socket file, @TCP@ a port, @NEIGHBOUR@ a file in another box's folder.
"""

_SYSCALL = """
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
ARM = platform.machine() == 'aarch64'
def call(x86, arm, *words):
    return libc.syscall(ctypes.c_long(arm if ARM else x86), *words), ctypes.get_errno()
"""

ATTACKS: dict[str, str] = {}

# ---- what the launcher may have left open or lying about

ATTACKS["reopen_descriptors"] = """
for place in ('/proc/self/fd/%d', '/dev/fd/%d', '/proc/thread-self/fd/%d'):
    for number in range(3, 300):
        try:
            if 'CANARY' in open(place % number).read(100): print('ESC', place % number)
        except (OSError, ValueError): pass
"""
ATTACKS["own_memory"] = """
import ctypes
start = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')
i = 0
while start[i]:
    if b'CANARY' in start[i]: print('ESC', start[i][:20])
    i += 1
"""
ATTACKS["launcher_frames"] = """
import gc, sys
sys.settrace(lambda *_: None)
frame, seen = sys._getframe(), []
while frame: seen.append(frame.f_locals); frame = frame.f_back
text = repr(seen) + repr([o for o in gc.get_objects() if isinstance(o, dict)])
if 'CANARY' '-' in text: print('ESC frames')
"""
ATTACKS["job_channel"] = """
import os
left = os.read(0, 1 << 16)
if left: print('ESC', left[:20])
os.write(1, b'\\x06'); os.write(1, b'\\x06')
"""
ATTACKS["other_box"] = """
print('ESC', open('@NEIGHBOUR@').read()[:20])
"""

# ---- files

ATTACKS["write_interpreter"] = """
import os, sys
for path in (sys.executable, os.__file__, os.path.dirname(os.__file__) + '/json/__init__.py'):
    try: open(path, 'r+b'); print('ESC', path)
    except OSError: pass
"""
ATTACKS["plant_in_library"] = """
import os, sys
folders = [os.path.dirname(os.__file__), '/usr/lib', '/lib', '/', '/etc', '/dev', '/tmp', '/var/tmp', '/dev/shm']
for folder in folders:
    try: open(folder + '/sitecustomize.py', 'x').close(); os.unlink(folder + '/sitecustomize.py'); print('ESC', folder)
    except OSError: pass
"""
ATTACKS["read_only_truncate"] = """
import os
os.close(os.open('@OUT@/trunc', os.O_RDONLY | os.O_TRUNC))
"""
ATTACKS["rename_outside"] = """
import os
for attempt in (lambda: os.rename('@OUT@/marker', '@OUT@/pwn_w'), lambda: os.rename('@OUT@/marker', 'marker'),
                lambda: os.unlink('@OUT@/trunc'), lambda: os.mkdir('@OUT@/pwn_s'),
                lambda: os.mkfifo('@OUT@/pwn_daemon')):
    try: attempt(); print('ESC')
    except OSError: pass
"""
ATTACKS["times_and_attributes"] = """
import ctypes, fcntl, os, sys
marker = '@OUT@/marker'
for attempt in (lambda: os.utime(marker, (1, 1)), lambda: os.chown(marker, os.getuid(), os.getgid()),
                lambda: os.setxattr(marker, 'user.x', b'1'), lambda: os.getxattr(marker, 'user.canary'),
                lambda: os.chmod(sys.executable, 0o777),
                lambda: os.fchmod(os.open(os.__file__, os.O_RDONLY), 0o777),
                lambda: fcntl.ioctl(os.open(os.__file__, os.O_RDONLY), 0x40086602, b'\\0' * 8)):
    try: attempt(); print('ESC')
    except OSError: pass
"""
ATTACKS["link_race"] = """
import os, threading
os.mkdir('real')
def swap():
    for _ in range(300):
        try: os.rename('real', 'aside'); os.symlink('@OUT@', 'real'); os.unlink('real'); os.rename('aside', 'real')
        except OSError: pass
thread = threading.Thread(target=swap); thread.start()
for _ in range(300):
    try: open('real/pwn_w', 'w').close()
    except OSError: pass
thread.join()
"""
ATTACKS["watch_outside"] = (
    _SYSCALL
    + """
fd, _ = call(294, 26, 0)
if fd >= 0 and call(254, 27, fd, b'@OUT@', 0xFFF)[0] >= 0: print('ESC')
"""
)
ATTACKS["system_files"] = """
import os
for path in ('/etc/shadow', '/etc/passwd', '/etc/hosts', '/etc/machine-id', '/proc/version', '/proc/cpuinfo',
             '/proc/net/tcp', '/proc/self/mountinfo', '/proc/1/cmdline', '/proc/@PARENTPID@/cmdline',
             '/sys/kernel/uevent_seqnum', '/var/log/dpkg.log'):
    try: open(path).read(1); print('ESC', path)
    except OSError: pass
"""
ATTACKS["list_homes"] = """
import os
for path in ('/home', '/root', '/work', '/var', '/run', '/tmp', '/mnt', '/sys', '/proc', os.path.dirname('@OUT@')):
    try: inside = os.listdir(path)
    except OSError: continue
    import sys
    known = [p for p in (sys.executable, os.__file__, os.getcwd()) if p.startswith(path + '/')]
    if [name for name in inside if not any(p.startswith(path + '/' + name) for p in known)]: print('ESC', path)
"""
ATTACKS["devices"] = """
for name in ('tty', 'kmsg', 'mem', 'fuse', 'vda', 'sda', 'nvme0n1', 'kvm', 'net/tun', 'ptmx', 'pts/0', 'loop-control'):
    try: open('/dev/' + name, 'r+b', buffering=0); print('ESC', name)
    except OSError: pass
"""
ATTACKS["by_folder_descriptor"] = (
    _SYSCALL
    + """
folder = os.open('@OUT@', os.O_PATH | os.O_DIRECTORY)
how = (ctypes.c_uint64 * 3)(os.O_RDWR, 0, 0)
os.chdir('@OUT@')
for attempt in (lambda: os.open('marker', os.O_RDONLY, dir_fd=folder), lambda: os.open('.', os.O_TMPFILE | os.O_RDWR),
                lambda: os.truncate('trunc', 0), lambda: os.listdir('.'), lambda: os.fchdir(folder) or open('trunc')):
    try: attempt(); print('ESC')
    except OSError: pass
if call(437, 437, folder, b'trunc', how, 24)[0] >= 0: print('ESC openat2')
"""
)
ATTACKS["exchange_outside"] = (
    _SYSCALL
    + """
open('own', 'w').close()
for flags in (0, 1, 2, 4):
    for old, new in ((b'own', b'@OUT@/marker'), (b'@OUT@/trunc', b'own'), (b'@OUT@/trunc', b'@OUT@/pwn_s')):
        if call(316, 276, -100, old, -100, new, flags)[0] == 0: print('ESC', flags, old)
"""
)

# ---- filling up

ATTACKS["many_files"] = """
n = 0
try:
    while n < 200_000: open('f%d' % n, 'w').close(); n += 1
finally:
    if n > 150_000: print('ESC', n)
"""
ATTACKS["many_files_elsewhere"] = """
import os
made = 0
for depth in range(60_000):
    os.mkdir('d'); os.chdir('d'); made += 1
    if made > 50_000: print('ESC', made)
"""
ATTACKS["sparse_file"] = """
f = open('sparse', 'wb'); f.truncate(1 << 40); print('ESC')
"""
ATTACKS["small_files_fill"] = """
written = 0
try:
    for i in range(600):
        with open('f%d' % i, 'wb') as f: f.write(b'x' * (1 << 20))
        written += 1
        if written == 512: print('ESC', written, flush=True)
except OSError as error: print(written, error)
"""
ATTACKS["unlinked_fill"] = """
import os, time
kept = []
for i in range(30):
    f = open('f', 'wb'); os.unlink('f'); kept.append(f)
    for _ in range(50): f.write(b'x' * (1 << 20))
    f.flush()
    if i == 14: print('ESC 750 MiB without a name', flush=True)
"""
ATTACKS["unreadable_folder"] = """
import os, time
os.mkdir('closed', 0o300)
for i in range(600):
    with open('closed/f%d' % i, 'wb') as f: f.write(b'x' * (1 << 20))
    if i == 512: print('ESC', i, flush=True)
"""
ATTACKS["memory_file"] = """
import os
kept = []
for _ in range(20):
    fd = os.memfd_create('m'); kept.append(fd)
    for _ in range(60): os.write(fd, b'x' * (1 << 20))
    if len(kept) == 18: print('ESC 1 GiB beside the address space', flush=True)
"""
ATTACKS["thread_bomb"] = """
import threading, time
threading.stack_size(1 << 15)
n = 0
try:
    for n in range(6000): threading.Thread(target=time.sleep, args=(3,), daemon=True).start()
except (RuntimeError, MemoryError) as error: print(n, error)
if n > 4000: print('ESC', n)
"""
ATTACKS["stderr_flood"] = """
import sys
for _ in range(100): sys.stderr.write('z' * (1 << 20))
"""
ATTACKS["attribute_fill"] = """
import os
written = 0
for i in range(9000):
    open('f%d' % i, 'w').close()
    for name in 'abcdefgh':
        os.setxattr('f%d' % i, 'user.' + name, b'x' * 60_000); written += 60_000
    if written > 300 << 20: print('ESC', written, flush=True); break
"""
ATTACKS["link_fill"] = """
import os
for i in range(100_000):
    os.symlink('x' * 4000, 'l%d' % i)
    if i == 75_000: print('ESC', i, flush=True)
"""
ATTACKS["pipe_fill"] = """
import fcntl, os, socket
held = 0
try:
    while True:
        r, w = os.pipe(); os.set_blocking(w, False)
        try: fcntl.fcntl(w, 1031, 1 << 20)
        except OSError: pass
        try:
            while True: held += os.write(w, b'x' * 65536)
        except BlockingIOError: pass
except OSError as error: print(held, error)
if held > 128 << 20: print('ESC', held)
"""

# ---- not ending

ATTACKS["closed_output"] = """
import os, time
os.close(1); os.close(2); os.close(0)
time.sleep(10**6)
"""
ATTACKS["atexit_hang"] = """
import atexit, signal, time
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
@atexit.register
def hang():
    while True: time.sleep(100)
"""
ATTACKS["waiting_thread"] = """
import threading
threading.Thread(target=threading.Event().wait).start()
"""
ATTACKS["undumpable"] = (
    _SYSCALL
    + """
libc.prctl(4, 0, 0, 0, 0)
while True: pass
"""
)
ATTACKS["recursion_crash"] = """
import sys
sys.setrecursionlimit(10**9)
def f(): return [f() for _ in '1']
f()
"""
ATTACKS["stops_itself"] = """
import os, signal
for pid in (-1, 0, os.getpid()):
    try: os.kill(pid, signal.SIGSTOP)
    except OSError: pass
"""

# ---- processes

ATTACKS["spawn"] = """
import os
pid = os.posix_spawn('/bin/true', ['true'], {})
os.waitpid(pid, 0); print('ESC')
"""
ATTACKS["setsid_fork"] = """
import os
try: os.setsid()
except OSError: pass
pid = os.fork()
if pid == 0: os._exit(0)
os.waitpid(pid, 0); print('ESC')
"""
ATTACKS["raw_clones"] = (
    _SYSCALL
    + """
arguments = (ctypes.c_uint64 * 11)(); arguments[4] = 17
attempts = {'clone3': lambda: call(435, 435, ctypes.byref(arguments), 88),
            'clone': lambda: call(56, 220, 17, 0, 0, 0, 0),
            'new user': lambda: call(56, 220, 0x10000000 | 17, 0, 0, 0, 0),
            'new user thread': lambda: call(56, 220, 0x10000000 | 0x00010000 | 0x800 | 0x100, 0, 0, 0, 0)}
for name, attempt in attempts.items():
    result, _ = attempt()
    if result == 0: libc._exit(0)
    if result > 0: print('ESC', name, flush=True)
"""
)
ATTACKS["exec_other"] = """
import os, sys
os.execv(sys.executable, [sys.executable, '-I', '-S', '-c', "print('ESC', open('@SECRET@').read()[:20])"])
"""
ATTACKS["exec_from_memory"] = """
import os, sys
fd = os.memfd_create('m', 0)
os.write(fd, open(sys.executable, 'rb').read()); print('SURF memfd')
os.execve(fd, ['x', '-I', '-S', '-c', "print('ESC', open('@SECRET@').read()[:20])"], {})
"""
ATTACKS["signal_parent"] = """
import os, signal
for pid in (@PARENTPID@, @CANARYPID@, -@PARENTPID@):
    try: os.kill(pid, 0); print('ESC', pid); os.kill(@CANARYPID@, signal.SIGSTOP)
    except OSError: pass
"""
ATTACKS["signal_by_descriptor"] = """
import fcntl, os
r, w = os.pipe()
fcntl.fcntl(r, 8, @CANARYPID@); fcntl.fcntl(r, 10, 9)
fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
os.write(w, b'x')
"""
ATTACKS["signal_queue"] = (
    _SYSCALL
    + """
information = (ctypes.c_int * 32)(0, 0, -1)
for result, _ in (call(129, 138, @CANARYPID@, 0, information), call(200, 130, @CANARYPID@, 0),
                  call(234, 131, @CANARYPID@, @CANARYPID@, 0)):
    if result == 0: print('ESC')
fd, _ = call(434, 434, @CANARYPID@, 0)
if fd >= 0: print('ESC pidfd')
"""
)
ATTACKS["others_memory"] = """
for path in ('/proc/@PARENTPID@/mem', '/proc/@PARENTPID@/maps', '/proc/@CANARYPID@/environ',
             '/proc/@CANARYPID@/status'):
    try: open(path, 'rb').read(1); print('ESC', path)
    except OSError: pass
"""
ATTACKS["others_links"] = """
import os
for pid in (@PARENTPID@, @CANARYPID@):
    for name in ('exe', 'cwd', 'root', 'fd/0', 'ns/net'):
        try: print('ESC', os.readlink('/proc/%d/%s' % (pid, name)))
        except OSError: pass
"""
ATTACKS["others_priority"] = """
import os
for attempt in (lambda: os.setpriority(os.PRIO_PROCESS, @CANARYPID@, 5), lambda: os.nice(-20) and None,
                lambda: os.sched_setaffinity(@CANARYPID@, {0}),
                lambda: os.sched_setscheduler(@CANARYPID@, os.SCHED_IDLE, os.sched_param(0))):
    try: attempt(); print('ESC')
    except OSError: pass
"""
ATTACKS["others_limits"] = """
import resource
resource.prlimit(@CANARYPID@, resource.RLIMIT_NOFILE, (1, 1)); print('ESC')
"""
ATTACKS["raise_limits"] = """
import resource
for name in ('AS', 'CPU', 'FSIZE', 'NPROC', 'NOFILE', 'CORE'):
    number = getattr(resource, 'RLIMIT_' + name)
    hard = resource.getrlimit(number)[1]
    for value in (resource.RLIM_INFINITY, hard + 1):
        try: resource.setrlimit(number, (value, value)); print('ESC', name)
        except (OSError, ValueError): pass
"""
ATTACKS["program_by_linker"] = """
import os, glob, sys
open('p', 'wb').write(open(sys.executable, 'rb').read())
for linker in glob.glob('/lib*/ld-linux*') + glob.glob('/lib/*/ld-linux*'):
    os.execv(linker, [linker, os.path.abspath('p'), '-I', '-S', '-c', "print('ESC', open('@SECRET@').read()[:20])"])
"""
ATTACKS["new_privileges"] = """
import ctypes
if ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) != 1: print('ESC a program with more rights than ours can be started')
"""
ATTACKS["signal_by_timer"] = (
    _SYSCALL
    + """
import struct
timer = ctypes.c_int()
for pid in (@CANARYPID@, @PARENTPID@):  # SIGEV_THREAD_ID with SIGSTOP
    event = struct.pack('QiiI', 0, 19, 4, pid) + bytes(44)
    if call(222, 107, 1, event, ctypes.byref(timer))[0] == 0: print('ESC', pid)
"""
)
ATTACKS["signal_by_owner"] = """
import array, fcntl, os, socket
a, b = socket.socketpair()
r, w = os.pipe()
for descriptor in (a.fileno(), r):
    for request in (0x8901, 0x8902):  # FIOSETOWN, SIOCSPGRP
        try: fcntl.ioctl(descriptor, request, array.array('i', [@CANARYPID@])); print('ESC owner')
        except OSError: pass
    try: fcntl.ioctl(descriptor, 0x5452, array.array('i', [1])); print('SURF FIOASYNC')
    except OSError: pass
b.send(b'x', socket.MSG_OOB)
"""

# ---- the kernel

ATTACKS["mounts"] = (
    _SYSCALL
    + """
for name, (result, _) in {
    'unshare': call(272, 97, 0x10020000), 'mount': call(165, 40, b'none', b'/box', b'tmpfs', 0, 0),
    'chroot': call(161, 51, b'.'), 'pivot': call(155, 41, b'.', b'.'), 'fsopen': call(430, 430, b'tmpfs', 0),
    'open_tree': call(428, 428, -100, b'/', 1), 'setns': call(308, 268, 0, 0)}.items():
    if result >= 0: print('ESC', name)
"""
)
ATTACKS["kernel_interfaces"] = (
    _SYSCALL
    + """
import struct
for name, (result, code) in {
    'userfaultfd': call(323, 282, 1), 'perf': call(298, 241, struct.pack('II', 1, 128) + bytes(120), 0, -1, -1, 0),
    'keyctl': call(250, 219, 0, -3, 1), 'mq': call(240, 180, b'assay', 0x42, 0o600, 0),
    'msgget': call(68, 186, 0, 0o1600), 'semget': call(64, 190, 0, 1, 0o1600), 'personality': call(135, 92, 0x0040000),
    'kcmp': call(312, 272, os.getpid(), os.getpid(), 0, 0, 0), 'fanotify': call(300, 262, 0x200, 0)}.items():
    if result >= 0: print('SURF', name)
"""
)
ATTACKS["other_numbers"] = (
    _SYSCALL
    + """
for base in (0x40000000, 512):
    result, code = call(base + 39, base + 172)
    if result > 0: print('SURF another table of calls', base)
"""
)
ATTACKS["compatible_call"] = (
    _SYSCALL
    + """
import mmap
if not ARM:  # getpid by the 32-bit door: mov eax, 20; int 0x80; ret
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex('b814000000cd80c3'))
    door = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    if door() > 0: print('SURF the calls of another architecture')
"""
)
ATTACKS["terminal"] = """
import fcntl, os
for fd in (0, 1, 2):
    try: fcntl.ioctl(fd, 0x5412, b'x'); print('ESC', fd)
    except OSError as error:
        if error.errno == 5: print('ESC', fd)
try: os.close(os.open('/dev/tty', os.O_RDWR)); print('ESC tty')
except OSError: pass
"""
ATTACKS["asynchronous_io"] = (
    _SYSCALL
    + """
taken = 0
while call(206, 0, 1000, ctypes.byref(ctypes.c_ulong(0)))[0] == 0: taken += 1000
if taken: print('ESC', taken, 'of the machine\\'s places')
"""
)
ATTACKS["own_filter"] = (
    _SYSCALL
    + """
import struct
allow = struct.pack('=HBBI', 6, 0, 0, 0x7FFF0000)
code = ctypes.create_string_buffer(allow, 8)
program = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', 1, ctypes.addressof(code)))
for flags in (0, 1, 4, 8): call(317, 277, 1, flags, program)
try: os.fork() or os._exit(0); print('ESC the later filter wins')
except OSError: pass
"""
)
ATTACKS["later_rules"] = (
    _SYSCALL
    + """
import struct
ruleset, _ = call(444, 444, struct.pack('=Q', 1 << 2), 8, 0)
if ruleset >= 0:
    place = os.open('/', os.O_PATH)
    call(445, 445, ruleset, 1, struct.pack('=Qi', 1 << 2, place), 0); call(446, 446, ruleset, 0)
print('ESC', open('@SECRET@').read()[:20])
"""
)

# ---- sockets

ATTACKS["datagram_pair"] = """
import errno, socket
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
try: a.sendto(b'PWN', '\\0@ABS@'); print('ESC')
except OSError as error:
    if error.errno in (errno.EPROTOTYPE, errno.ECONNREFUSED): print('ESC reached')
"""
ATTACKS["sending_descriptors"] = """
import array, os, socket
a, b = socket.socketpair()
a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0]))])
print('SURF descriptors can be passed')
"""
ATTACKS["service_sockets"] = """
import socket
for path in ('@UNIX@', '/var/run/docker.sock', '/run/docker.sock', '/run/dbus/system_bus_socket',
             '/run/systemd/journal/socket'):
    try: socket.socket(socket.AF_UNIX).connect(path); print('ESC', path)
    except OSError: pass
"""
ATTACKS["other_families"] = """
import socket
for family, kind, protocol in ((16, 3, 0), (17, 3, 0x300), (40, 1, 0), (38, 5, 0), (10, 1, 0), (2, 3, 1), (1, 1, 0)):
    try: socket.socket(family, kind, protocol); print('SURF family', family)
    except OSError: pass
"""
