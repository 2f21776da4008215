internal import CPanalSyscalls
internal import Glibc
internal import PanalLauncherProtocol
internal import PanalLinux

/// # Theory of operation
///
/// `panal-launcher` is the only privileged part of Panal: root, or root of a user namespace of its own when an ordinary user has
/// started it; one thread, no network, no database, no Foundation. Its parent (`panald`, or `panal run`) starts it with two
/// descriptors: 3, a socket that keeps message boundaries, and 4, the table of everything that may ever be asked for. It reads
/// the table once, and nothing that comes over the socket can widen it. Once it is ready `panald` gives up its own privileges;
/// `panal run`, `panal audit` and other parents stay what they are. Where the table says so, it outlives its parent, and goes on
/// with the next server of the same table.
///
/// ## Who is trusted
///
/// The launcher, its maker and its spawners trust each other and the kernel; they are one program of one user. The server is
/// trusted with the table, which `panald` gives while it is still root, and with nothing afterwards, also where it stays root: each
/// field of a request is held against the table, streams must be files, pipes or character devices, and what it asks to see is
/// opened below the data folder without links. A program is trusted with nothing: what it leaves is opened without links, and what
/// it could say goes to no line that it holds.
///
/// ## Every step that needs rights, in order
///
/// **L** the launcher · **M** the maker of slots · **S** a slot's spawner · **I** a cell's init · **P** the process that becomes the
/// program. Rights: *all* is root with every capability that it has been given, or root of its own user namespace; *kept* is the same
/// with an empty bounding set and no_new_privs, so that nothing that is executed has any, and with root without groups; *none* is a
/// user id of its own without capabilities. A step that fails, or does not read back, ends the start of the launcher, the slot or
/// the run, and is named; where it is otherwise, the notes below the table say so. “answer” where the call's own answer says all
/// there is to say.
///
/// | | who | rights | step | read back |
/// |---|---|---|---|---|
/// | | | | **the launcher's start** (`LauncherMain.start`) | |
/// | 1 | L | all | descriptors from 5 on are closed | answer |
/// | 2 | L | all | root: the capabilities that are needed are there (`NeededCapabilities`) | capget |
/// | 3 | L | user's | without root: a user namespace, one id in it (`UserNamespace`) | its maps |
/// | 4 | L | all | session, signals, umask, empty environment, not dumpable (`Processes.standAlone`) | umask; answers, not setsid's |
/// | 5 | L | all | the table is read; nothing widens it afterwards | `LauncherTable` |
/// | 6 | L | all | locks: the instance's name, a block of user ids (`HostLocks`, `UserBlock`) | inode at the path |
/// | 7 | L | all | a mount namespace, private; the stage, a small tmpfs in it (`HostRootfs`) | 27: no peers |
/// | 8 | L | all | the root `host`: `/usr`, an `/etc` of our own, device nodes, all sealed; the data folder and the folder of images, sealed; what images need | stat of nodes; 27, 44 |
/// | 9 | L | all | the instance's groups, swept; groups of dead instances (`CgroupDriver.prepare`, `sweep`); where the table says that runs are held to a rate of reading, the controller for it, and the disks of `/usr`, data and images (`ReadPlaces`) | controllers, cores; /sys |
/// | 10 | L | all | the socket for the next server, 0600 in a folder of 0700 (`ServerLine`); fork of M (`SlotMaker`) | answer |
/// | | | | **a slot** (`SlotMaker.make`, `Spawner.setUp`) | |
/// | 11 | M | all | v1: the slot's group, in blkio only where the table says so; no swap, its period, no balancing | each file |
/// | 12 | M | all | fork of S, a child of L's; v1: S is moved into the group | cgroup.procs |
/// | 13 | S | all | all descriptors but 0 to 2, its line and the owners' namespace are closed; it dies with L | answers of closing |
/// | 14 | S | all | every signal as programs expect it | /proc/self/status |
/// | 15 | S | all | mount, network, uts, and with v1 cgroup namespaces; the host name | name; /proc/self/cgroup |
/// | 16 | S | all | pivot into the stage, a view of the root `host` with inodes of its own (`Stage.makeView`) | 27 |
/// | 17 | S | all | root: another mount namespace with nothing but that view (`RootViews`); for an image see below | 27 |
/// | 18 | S | kept | bounding set, no_new_privs, with root groups (`Privileges.dropInheritance`) | prctl; groups in 29, 31, 47 |
/// | 19 | S | kept | limits that are the same for all (`ProgramStart.fixedLimits`) | getrlimit |
/// | | | | **a cell, before there is a run** (`Slot.order`, `Spawner.make`, `CellInit`) | |
/// | 20 | L | all | v2: the cell's group; no swap, killed as a whole, idle or not | each file |
/// | 21 | S | kept | v1: the last run's memory is waited for (`GroupCleaner`) | usage_in_bytes |
/// | 22 | S | kept | scratch, a detached tmpfs with a quota, `work` the program's (`makeScratch`) | stat; 27, 43 |
/// | 23 | S | kept | root: first rank when memory runs out, given back after 24 (`OutOfMemoryRank`) | oom_score_adj |
/// | 24 | S | kept | clone3 of I: mount, pid, ipc namespaces; v2: into the group | 42: not empty |
/// | 25 | I | kept | all descriptors but 0 to 2, line, trees, start and scratch are closed; v2: a cgroup namespace | /proc/self/cgroup |
/// | 26 | I | kept | scratch, proc; without root the pivot (`CellRoot.prepare`) | 27 |
/// | 27 | I | kept | every mount there is, with place, root, file system, flags, parent (`MountList`) | mountinfo |
/// | 28 | I | kept | clone of P, which waits at a gate and shares I's memory and open files; without root a fork | answer |
/// | 29 | I | none | its own user id, no capabilities, not dumpable, dies with L (`dropRights`); opens the gate | getres*, capget, prctl |
/// | 30 | P | kept | session, policy, umask; without root first rank when memory runs out (`ProgramStart.prepare`) | getsid, umask, oom_score_adj |
/// | 31 | P | none | *ahead:* user id, capabilities (`giveUpRights`); I goes on only where this and 32 are done | getres*, capget, prctl |
/// | 32 | P | none | *ahead:* the filter; P waits with nothing left that a program has not | PR_GET_SECCOMP |
/// | | | | **a run** (`Launcher.start`, `CellStart`) | |
/// | 33 | L | all | the request is held against the table, streams against their kind (`RequestCheck`) | fstat |
/// | 34 | L | all | memory that no run, no result and no run that is over has; the cores' locks (`CoreLocks`); for a rate of reading, the disks of all that the run can read | flock |
/// | 35 | L | all | the group's cores (`CellGroup.place`); counters, `begin` | cpuset, v2 effective too |
/// | 36 | L | all | the order goes out with the streams; pipes are given to the program's user | answer |
/// | 37 | L | all | weight, memory, swap, processes, quota, burst, rate of reading (`CellGroup.limit`) | each file |
/// | 38 | L | all | the word to go, without which nothing is executed | |
/// | | | | **meanwhile in the cell** | |
/// | 39 | I, P | none, kept | the order is taken, streams become 0 to 2, all else is closed (`takeStreams`) | *ahead* the filter's number |
/// | 40 | S | kept | program and inputs: opened below the data folder without links, views of their own (`Stage.tree`) | fstat: regular, no set-id |
/// | 41 | S, P | kept | scratch's size, `/program`, `/input` (`CellRoot.complete`); *ahead* S enters the cell for it and leaves | 43, 44 |
/// | 42 | L | all | v2: the cell lives in its group; done in 35 (`begin`) | cgroup.events |
/// | 43 | I, P | none, kept | scratch: quota, nosuid, nodev, at both places | statfs |
/// | 44 | S, I, P | kept, none | program and inputs: views; read-only, nosuid, nodev; `/input` besides noexec | statfs |
/// | 45 | P | none, kept | limits of the run: files, file size, processes | getrlimit |
/// | 46 | P | kept | *not ahead:* idle policy; a network namespace where sockets can be made (`CellNetwork`) | scheduler; inode, flags of `lo` |
/// | 47 | P | none | *not ahead:* user id, capabilities; without root a user namespace below (`giveUpRights`) | getres*, capget, prctl, maps |
/// | 48 | P | none | waits for the word of 38; the cores that it may use; tells the time | sched_getaffinity |
/// | 49 | P | none | *not ahead:* the filter | PR_GET_SECCOMP |
/// | 50 | P | none | `execve`; the pipe of the start, which closes by it, tells L | |
/// | | | | **the end** (`Launcher.takeReports`, `finish`) | |
/// | 51 | I | none | has reaped P, tells of it, ends; with it the kernel ends all that is left | |
/// | 52 | L | all | nobody but I is in the group, or I is killed, again each second; the usage | pids, cgroup.events |
/// | 53 | L | all | result files, opened below the scratch without links (`Collector`); many: in a process of its own, with the launcher's rights, which has 0 to 2, the scratch and a line (`CollectorProcess`) | fstat: regular, one link |
/// | 54 | L | all | v2: the group is removed when its memory is back (`Leftovers`); v1: 21 | memory.current |
///
/// What has no room in a row, by the rows' numbers:
///
/// - 4: `setsid` fails where the launcher leads a group already, and then nothing has to be done. 10, 13: whether M and S get the
///   signal of L's death is not looked at either; both also end when their line to L does.
/// - Between 6 and 7, without root and with v2: L moves every process that is in the group that was handed over to one below it, and
///   enables the controllers (`Delegation`), by the answers; 9 reads the controllers back.
/// - 8: where the cells' loader cache is not there, or older than the host's, L executes `/usr/sbin/ldconfig` with all rights, an empty
///   environment and nothing open but 0 to 2 (`LoaderCache`). No tenant is near then.
/// - 11: that the group is idle, or not, L sees to when it opens it for its runs (`Slot.init`, `GroupWeight`); 37 reads it back again.
/// - Between 14 and 15 S opens what is out of sight afterwards, and keeps it: the host's `/proc`, only as a place to start from, with
///   root its own rank when memory runs out (23), with v1 two files of its group's memory (21).
/// - After 24 S takes hold of the cell's mount namespace. Where it cannot, nobody hears of it before 41 needs that.
/// - Before 28, with root, I leaves the idle policy; it reads that back, and so does P in 30. After 28, *ahead* in 39, I closes all
///   but its line and the gate. Without root it keeps 0 to 2 as well, while the program runs: `/dev/null`, and the error stream of
///   whoever started the launcher. The program does not get there: I is not dumpable, and in a user namespace above its own.
/// - 29: where I and P share their memory, P's later change of ids (31, 47) makes “not dumpable” what fs.suid_dumpable says. At 1, of
///   which the doctor says FAIL, the program is still kept out by I's own user id.
/// - Before 31, *ahead*: P raises the hard limits that an order may ask more of (`ProgramStart.allowLimits`). Where it may not, 45
///   fails for a run that needs it.
/// - Between 36 and 37 L orders 40, or *ahead* 40 and 41, from S (`CellStart.orderContents`), by the answer.
///
/// ## Why in this order
///
/// A *slot* is a place for cells that is kept: two user ids, its own view of the files that cells share, a spawner, and with v1
/// controllers a control group; with them go what every cell in it inherits and no program can change: a network namespace
/// without any interface up, the host name, with v1 controllers a namespace that has the slot's group as its root. `SlotMaker`,
/// a process beside the launcher, makes slots: the group · a spawner, which is the launcher's child · its move into the group,
/// read back. A `Spawner` first goes into namespaces of its own, out of the host's file system, drops what no program may have
/// and takes the limits that are the same for all, each read back; then it makes the slot's cells, each for one run, and each
/// before there is a run for it: with v2 controllers in a fresh group, with v1 in the slot's, where it
/// lives itself, since moving a process into a group costs milliseconds and being born in one costs nothing. It leaves the stage
/// for a mount namespace that has the view of the root alone, which is what a cell gets a copy of; to open a run's program and
/// inputs it goes back for a moment. (Without root it stays: the kernel lets an ordinary user mount proc only where a whole one
/// is in sight.) What the language's runtime looks up at first use it has looked up before (`Rehearsal`), for all that it forks.
///
/// For each cell: scratch, a detached tmpfs · the first rank when memory runs out, which the spawner has only meanwhile ·
/// `clone3` into new mount, pid and ipc namespaces · there `CellInit`: with v2 controllers a cgroup namespace · scratch, proc,
/// without root `pivot_root`, all that is mounted read back (`CellRoot.prepare`) · a process that will be the program, which stays
/// at a gate, since it shares init's memory until it executes (without root it has a copy) · init drops its own rights · opens the
/// gate and waits. With root all this, up to the program's process, is done at the idle policy, except where a run waits for it; while
/// one runs and none waits, a cell that has been made is not even taken.
///
/// The program's process (`ProgramStart`) takes a session of its own. Which filter a run has is known before the run where the last
/// two in the slot had the same, or none has been there, and then the table's first is expected. With such a one that makes no
/// sockets, and permits what a process still does when it has its order, the process goes on *ahead*: it takes its ids, drops every
/// right, loads the filter, reads all of it back, and waits with nothing left that a program does not have. What it cannot do any
/// more others do: init, which has its open files too until then, takes the order and puts the run's streams among these; the
/// spawner goes into the cell's mount namespace for what needs rights (`CellRoot.complete`), and leaves it before it says so. A run
/// that needs another filter is not given such a cell: one is ended for it, and the next one made for any. Otherwise (an ordinary
/// user's, which enters a user namespace; an idle run's, which gives up its place; a filter that explains) it keeps its rights until
/// it has its order.
///
/// For each run (`Launcher.start`): hold the request against the table · lock its cores · take a slot whose cell stands ready ·
/// set the group's cores (`CellGroup.place`), since a process that is awake on another one would have to be stopped · start
/// counting (`CellGroup.begin`) · send the order to the cell · give the program the pipes that are its streams · set the group's
/// other limits (`CellGroup.limit`), each read back · send the word to go, without which nothing is executed. Meanwhile, in the
/// cell: the run's streams, the size of its scratch, the read-only views of its program and inputs, its limits; where nothing was
/// done ahead also a network namespace of its own, where sockets can be made (`CellNetwork`), and its ids; each read back. Then the
/// program's process waits for the word, reads back its cores, tells the time, loads the seccomp filter if it has none, reads that
/// back, and only then executes. Whatever fails before that is reported with its step, and the program has not run; its slot is made
/// anew, since what failed may be the spawner's. When the program has executed, a pipe ends that only its process held; the launcher
/// looks at it after 2 ms, since only the server wants to know.
///
/// When the program has ended, init says so and ends too. Nobody but init may be left in the group then; if somebody is, the
/// launcher ends init as at a deadline (`RunningCell.endRest`): with it the kernel ends everything in the cell. For that init has to
/// get a turn among them, so it is like them, the group's quota is lifted, and it is told again each second until it is gone; only an
/// init that is alone goes on at the idle policy. Either way the usage is read, the result files are opened (`Collector`) and the
/// server is told. When init is gone the slot's spawner takes down what is left of the cell and makes the next. Deadlines (wall,
/// processor time), the memory event and the server's kills all act by killing init; with v2 the kernel is told to kill the group
/// besides (`cgroup.kill`, from Linux 5.14 on). When the server says so, or has gone and nothing is to be kept, every cell is killed,
/// every group removed, and the launcher exits. When the launcher itself is killed, the parent-death signal takes each spawner and
/// init, and the next launcher on this host sweeps.
///
/// Kernel threads give some memory back only after the last process is gone, and results take some until they are stored. Until it is
/// back it is promised to nobody: with v1 controllers the spawner waits for it, ten seconds at most, and all that the run was promised is
/// counted meanwhile; with v2 the run's group stays, and what is still counted in it (`Leftovers`), which is one number read where nothing
/// is left. A run that needs it waits, and is refused after 20 s with the number of bytes.
///
/// ## What the launcher waits for
///
/// It has one thread, so what it waits for everybody waits for. That is for no program: for init's end where init is alone or was told
/// by the kernel to be gone already, for which no process of the program's is needed (the kernel releases every process of a pid namespace
/// before its init ends, and counts it out of its groups before that: `CellGroup.waitUntilEmpty` finds so at its first look); for cells that
/// no run was given to, and spawners, which it ends itself (`PreparedCell.end`, `Slot.remove`). Whatever takes its time is others' work:
/// making slots the maker's, a copy a process's of its own, cells, memory and inputs the spawners', the looking through many results a process of its own, and the same
/// for taking them down with v2 controllers (`ScratchTeardown`): there the launcher would be the last to hold a run's scratch, and by
/// closing it the kernel takes down what lies there. For the server it waits no more: one that asks and does not read is not read.
///
/// ## Without a server
///
/// What is kept (`Launcher+Keeping`): with each order come the reading ends of the program's output pipes, beside the server's
/// own, so that a program without a server is not ended by what it writes, but waits when its pipe is full. A run that ends keeps
/// its report, its pipes, and its scratch, out of which the results are opened as often as they are asked for. All that until
/// a server says `forget`, which it does when it has stored what became of the run: whoever is killed before that is told again by
/// the launcher to its successor, and a run is never ordered twice. The server moves bytes from a pipe to the stream's file by
/// `splice`, so that they are in one or the other; how far it came is the file's size. What is more than the limit stays in the
/// pipe, where the successor finds it too.
///
/// Limits go on being held. The error stream that was the server's is let go of. When no server has come within the table's
/// time, or one has come and not asked for a run in that time, what was kept is ended as if the server had said `stop`.
///
/// Who may take over (`ServerLine`): whoever connects to the instance's socket, which only the user can reach who started the
/// launcher (a folder of mode 0700, a socket of 0600), and of whom the kernel says that it is that user, *when it connects*: so
/// `panald` connects as root and gives its privileges up afterwards. It shows the table that it would start a launcher with. With
/// the same one it is the server from then on, and the table still is the one that was given at the start; with another one it can
/// only say `stop`. One at a time: another one hears that it has come too late. A stranger at the socket is hung up on unheard, one
/// that says nothing after 5 s, and what either has sent is read by nobody. Programs cannot get there: they see neither that folder
/// nor, but with a network namespace of their own, any socket.
///
/// ## Images as roots
///
/// A run's root is the host's or an image of the store, which the request names by its digest alone: 32 bytes, out of which the only
/// path that can come is `rootfs/<digest>/tree` below the folder of the table. Who may have which image, and how long it stays, the
/// server knows; the launcher knows none before a run names it, so that a thousand in the store cost nothing. In this order:
///
/// | process | step | read back |
/// |---|---|---|
/// | launcher, at start | skeleton of folders and files of `/etc` (`ImageRootfs.prepare`) · a user namespace whose map shows the owner of the folder of images as root (`OwnerShift`) | |
/// | launcher, each run | `openat2` of the tree: no link, nothing beneath another mount; which folder it is (`ImageTree`) | the folder is the one that the cell was made of, or the cell is not the run's |
/// | spawner, once for an image | a namespace of its own, from the stage · `openat2` again · clone of the tree, read-only, nosuid, nodev · its owners shifted · overlay of the skeleton on top of it · view of `/dev` · pivot | the same folder; the owner; a way to each place without links; kind and flags of the mount |
/// | spawner, each cell | `setns` to that namespace, where it is not there already; everything else is as for the host's root | all mounts, by init (`CellRoot`) |
///
/// What is in an image is its own matter: programs and libraries there run with a cell's rights. What an image could gain beyond
/// that it would have to gain from these steps, in which nothing of it is read but folders' names by the kernel; and its files may
/// change at any moment, since they belong to a server that may be anybody's. So no step trusts what an earlier one has seen of
/// them: places are the skeleton's, which lies on top; nothing is looked up below the image but by `openat2`; what is cloned is what
/// was opened. A set-id bit or a device node that an import let in has no effect, by the mount's flags.
///
/// A slot's next cell has the root of its last run, or the one that a run waits for: where runs of some images come in turn, each
/// finds a cell ready in one of the slots; where not, a cell makes way, which costs a run some milliseconds. Each spawner keeps the
/// views of its last four images (`RootViews`), with inodes that no other slot has, as of the host's root. An image can be removed
/// while views of it are there: who runs in it then misses files, so the server counts its runs. No run is given a cell of one that
/// is gone or has been replaced, and spawners with views of such are ended, which frees the disk.
///
/// Only the kernel's word counts for owners: ext4, xfs and btrfs can be shifted, an overlay cannot; then files show the number of the
/// server's user. The launcher's own look at a tree waits for the disk where the kernel has forgotten the folder.
///
/// ## Roots that can be written
///
/// Where a run asks for it, its image's root is an overlay that can be written, of this cell alone (`WritableRoot`): what the program writes
/// lies in its scratch, below `root/upper`, and counts there. Such a cell is never made before a run waits for it.
///
/// | process | step | read back |
/// |---|---|---|
/// | launcher, at start | such a root is tried out with the folder of images; where it cannot be had, the server is told, and no run has one | an opaque folder |
/// | spawner, each cell | a namespace of its own, from the stage · the image's tree as above, its owners shifted to the slot's user · a skeleton of that user's · the overlay · `/tmp` of the scratch · all that it is made of taken away · `/dev` · pivot; left when the cell is born | as above; the places' owner; writable, nosuid, nodev |
/// | init | proc | all mounts: `/`, `/dev`, `/proc`, `/tmp` |
/// | init, spawner, each run | as for all, the scratch at `/tmp` | and `/`: kind, flags, the scratch's size |
/// | launcher, the end | results are what the upper folder's `work` holds | as for all |
///
/// All that is in sight there may be changed but what is mounted: the program owns its root as it owns its work folder, and with the same effect on others,
/// none. No step reads what a program has written but the collector and the copy.
///
/// A copy (`RootCopy`) is made of a frozen program on the server's order, once at a time, by a process beside the launcher with the
/// launcher's rights, since the files may be readable to nobody; it has the scratch, a line, and the file that came with the order:
/// a regular one, open for writing, in a file system that has room, since the kernel's own files would look at this process's rights.
/// It opens nothing but folders and regular files, one component at a time below the scratch, and writes no name but as bytes of an archive
/// (`ChangesCopier`, `LayerArchive`). It ends with the run, a thaw, the server and the launcher; nobody waits for it, and a later
/// server can ask again. What it wrote is the server's to judge: an image is made of it as of any archive.
///
/// ## Standing still
///
/// A program is frozen by its v2 group (`GroupFreezer`), which holds with v1 controllers too, since slots have a group in the
/// v2 hierarchy beside them; the v1 freezer would keep a process from being killed. The launcher asks until the kernel says that
/// everything stands still, and does not wait for it. The cores are then free for others and have to be taken again for the
/// thaw; memory is not. Wall and processor time stand still, and the report tells for how long. A kill comes before its thaw,
/// so that nothing of the program runs again.
///
/// ## Idle runs
///
/// A run that is idle gets processor time only when nobody else on the host wants it (`GroupWeight`). That has to be said of a
/// group beside those of all others, which the instance's is and a cell's below it is not: so idle groups stand beside the
/// instance's (`IdleGroups`), and are made as such. A slot is for idle runs or for others, and never changes; each run begins with
/// reading back that its group is of its kind. Of slots for idle runs none are kept ready. The program has the idle policy besides,
/// which it has no right to leave, and is last at the disks. For what wants no time of its own but to be over (a freeze, a kill)
/// the group is heavy for that moment: a cell that is left a thousandth of a core takes seconds to stand still, for which others
/// would wait. It is idle again before it goes on.
///
/// ## Where the time of a run goes
///
/// A cell costs what stands around the program: the program's own part, from `execve` to gone, is no longer than outside (traced: 558
/// to 584 µs at the median, a plain start 672 to 682). Around it there are four or five wake-ups from one processor to another, for each of
/// which a virtual core that sleeps has to be asked of the host; the launcher's limits and counters; and its answer. The program's end also
/// wakes the server, for each of its pipes. A writing end kept there would save that, and was tried: a program that reads its own output then
/// finds no end of it. Launcher, init and the server's loop ask for short slices, as a spawner's slot has its own share of the cores
/// whatever its policy. Where ids and filter come before the order, init is awake between the order and the program's process: a switch on
/// the same core. `Scripts/bench cell` measures; the README has its figures.
///
/// What a cell costs of processor time with two workers, sampled 5,000 times a second over 2,020 cells, in µs: 580 the program from
/// `execve` on · 180 the program's process before, 61 of it the filter and 50 the first half of `execve` · 380 init, 82 of it its own
/// end, 37 the mounts, 22 their reading back · 320 the spawner, 140 of it `clone3`, 47 the scratch · 235 the launcher, 41 of it
/// reading counters and limits, 33 sending · 105 the server's loop and the caller · 100 kernel threads: grace periods, the ends of
/// namespaces, what is freed after a grace period. By what it is for: 185 are the copy of the spawner's memory, its taking down and
/// the faults between; 45 the ipc namespace and its end; 35 the mounts' end. A tenth of both cores idles.
///
/// So two workers do not reach 45% of bare starts here: those would leave 1,200 µs to a cell, and 760 are gone when the program's
/// process has done what is its own. What would be left to gain is the copy of the memory: an init that shared the spawner's would
/// save about 180. Not done: spawner and cell would take turns in one heap, each cell that is killed while it has the turn would take
/// the slot with it, and what a run leaves in that memory would be there for the next. The kernel also has one rank for all processes of
/// one memory when that runs out, which here differs between spawner and program; and less would be saved than that: an almost empty
/// process costs 80 of the 190 µs of a copy of the spawner's memory.
///
/// Tried and taken back: to put a cell's end off until the next program is on its way. The trace showed 206 µs fewer on the path; on a quiet
/// machine both ways had 1,054 µs at the median of one worker, and with two workers 1,030 runs a second became 937.
///
/// Looked at and left: the ipc namespace could only be the slot's under policies without any System V call, which `default` has. That the
/// end of a mount namespace asks for an expedited grace period, which stops whoever runs on the other core for a moment, is the
/// kernel's; when it comes, a run is always on its way. Taking the oldest of the cells that stand ready, rather than any, showed no
/// gain on a quiet machine; beside other work a fresh one's init is often still waiting for a core. To inline the naming of steps
/// everywhere made no difference.
///
/// ## Special cases
///
/// A filter that explains (`panal run --explain`) has every refused call ask the server, on a descriptor that the launcher hands
/// on and never reads (`ExplainingFilter`). Whoever answers could let a call through: a service's table has no such filter.
///
/// Without root there is one user id, and so the cells, the launcher and whoever started it are one user to the kernel. What
/// keeps a program from the others is then not its uid: it sees no process but its own cell's, init is not dumpable and its
/// pid namespace's first, and the program's own user namespace has no power over anything, not even over what it lives in. The
/// groups are made below the one in which the launcher was started and which has to be that user's (`Delegation`); core locks
/// are that user's own, and exclude neither root's Panals nor other users'. The user's groups stay, since the kernel lets nobody leave
/// one there, and init keeps 0 to 2. Everything else, each reading back too, is the same.
///
/// ## What got out elsewhere, and what is in its way here
///
/// | | numbers are the table's steps |
/// |---|---|
/// | a folder or file of the host left open (runc CVE-2024-21626, nsjail #328) | closed at 13, 25, 39, as noted for 28; init's place: 26 |
/// | the runtime's own file overwritten by /proc/self/exe (runc CVE-2019-5736) | no tenant's code runs before 50, after which nobody in sight executes it |
/// | mount points of an image that are links (runc CVE-2021-30465, -2025-31133) | they are Panal's own; all mounts are read back (27) |
/// | release_agent and other writable control groups (CVE-2022-0492) | no such file system is in a cell |
/// | a user namespace, and with it the kernel's less tried parts (CVE-2022-0185, -2023-0386) | none can be made; no mount call is permitted |
/// | calls by i386, x32 or io_uring, which the filter does not see (nsjail #159) | the former end the program; io_uring is refused |
/// | typing into the caller's terminal (bubblewrap CVE-2017-5226) | a session of its own (30); TIOCSTI is refused |
/// | a result that is a link, or becomes one (Judge0 CVE-2024-28185, -28189, go-judge #176) | 53, when nobody is left to change it |
/// | what a kept box leaves for the next run (isolate, go-judge) | a cell has one run |
/// | a process that leaves its limits by a fork before it joins its group | it is born there (24); 42 |
/// | a process number that is somebody else's by now | pidfds; init's number is not used once it is reaped |
/// | a crash that starts the host's program for core files | not held: `panal doctor` says so |
///
/// ## Known limits
///
/// All cells share the host's kernel: a hole in a system call that the policy permits is a way out, and nothing here would hold it up.
/// What a program may use of the kernel that no group counts is bounded by the policy alone. With v1 controllers a run that has been at its
/// memory limit, and is ended when the host runs out, is taken for the cause of that. Cells write to no disk, and read as fast as it goes
/// unless their profile has a rate. With one, pages that the kernel holds back for a run are held back from whoever else wants the same
/// pages of the same file; that may be as much as the run's memory, for as long as its rate takes, and no longer than it runs: the limit is
/// taken away before its end (`CellGroup.hasten`, `relax`). What the server feeds to standard input is read by the server. Of a
/// btrfs that is given another disk later, that disk is not limited before the launcher is started anew.
///
/// Without root a program can write its own `/proc/self/oom_score_adj` back to what its user had: of a rank that was taken without
/// CAP_SYS_RESOURCE the kernel makes no floor. The user's other processes may then be chosen first when the host runs out of memory.
/// And some things the kernel counts for a user, over all of the user's processes: descriptors on their way through sockets, pages in
/// pipes, locked memory, waiting signals. A cell can use up what the session's other programs then lack.
///
/// Runs at the same time can signal: by futexes on pages of files that both map, which the
/// kernel finds by the file below every view, and wakes at also when a thread ends (the policy `strict` has neither shared
/// futexes nor threads); by numbers that the kernel counts for all, such as those of pipes and mounts, the number of processes
/// and free memory (`sysinfo`); and by how busy caches, disks and processors are. Without root also by locks on the device nodes,
/// which are the host's then, and by asking which pages of its program are in memory. What one run leaves for the next in a slot
/// is what the kernel keeps: cached names and pages of the files that it has read, taken back when they are many.
@main
struct LauncherMain {
    static let socketNumber: Int32 = 3
    static let tableNumber: Int32 = 4

    static func main() {
        do throws(StepFailure) {
            let launcher = try start()
            launcher.serve(Descriptor(owning: socketNumber))
            exit(0)
        } catch {
            let report = Report.unusable(StepReport(step: error.step, errno: error.errno, detail: error.detail))
            let socket = Descriptor(owning: socketNumber)
            _ = MessageSocket.send(socket, report.encoded(), descriptors: [], waiting: true)
            exit(1)
        }
    }

    private static func start() throws(StepFailure) -> Launcher {
        // Otherwise a spawner at work, whose slot has its own share of the cores whatever its policy, would keep it waiting.
        ShortSlice.take(isOwn: true)
        // A kernel without large pages has the file's.
        _ = panal_code_to_large_pages()
        try StepFailure.naming("launcher.descriptors") { () throws(SystemCallFailure) in
            try Processes.closeAll(from: UInt32(tableNumber) + 1)
        }
        let isRoot = Privileges.isRoot
        if isRoot { try NeededCapabilities.check() }
        let folder = LockFolder.path(user: geteuid())
        if !isRoot { try UserNamespace.enter() }
        try StepFailure.naming("launcher.descriptors") { () throws(SystemCallFailure) in try Processes.standAlone() }
        let table = try readTable()
        let locks = try HostLocks(
            instance: table.instance, folder: folder, patience: table.keepSeconds > 0 ? 10_000 : 500)
        let users =
            isRoot
            ? try UserBlock.claim(first: table.firstUser, last: table.lastUser, locks: locks)
            : UserBlock(ofOrdinaryUser: table.firstUser)
        let mounts = try CgroupLayout.mounts(isRoot: isRoot)
        let stage = try HostRootfs.build(
            users: users, dataFolder: table.dataFolder, imageFolder: table.imageFolder, folder: locks.folder)
        let images = try ImageStore(stage.images.map { "\(stage.folder)/\($0)" })
        let reading = ReadPlaces(table)
        let groups = try CgroupLayout.driver(
            instance: table.instance, mounts: mounts, limitsReading: table.limitsReading)
        try groups.prepare()
        locks.sweepDead { (name) throws(StepFailure) in
            try CgroupLayout.driver(instance: name, mounts: mounts).sweep()
        }
        let maker = SlotMaker(groups: groups, stage: stage, table: table, users: users)
        return Launcher(
            table: table, server: try ServerLine(table: table, folder: locks.folder), locks: locks, users: users,
            groups: groups, images: images, writesRoots: stage.writesRoots, reading: reading,
            pool: try SlotPool(maker, groups: groups, reserve: Int(table.prepared)))
    }

    private static func readTable() throws(StepFailure) -> LauncherTable {
        let file = Descriptor(owning: tableNumber)
        let bytes = try StepFailure.naming("launcher.table") { () throws(SystemCallFailure) in
            try file.readAll(limit: LauncherTable.maximumBytes)
        }
        do {
            return try LauncherTable(decoding: bytes)
        } catch {
            throw StepFailure(step: "launcher.table", detail: "the table is not readable: \(error)", errno: 0)
        }
    }
}
