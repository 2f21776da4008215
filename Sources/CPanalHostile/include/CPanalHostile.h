// Programs that attack the cell they run in; what each of them tries is in the table at the end of its file.
#ifndef C_PANAL_HOSTILE_H
#define C_PANAL_HOSTILE_H

/// `list` prints the table; a name carries that attack out. What it came to goes to standard output, a line each with tabs:
///
///   held  LABEL  WHY      what was tried was refused, or had no effect
///   got   LABEL  WHAT     it had
///   fact  NAME   VALUE    something for the host to judge
///   ready                 whatever is set up stands; it stays until this process is ended
///   end                   the attack has gone through all of it
int hostile_programs_main(int argc, char **argv);

#endif
