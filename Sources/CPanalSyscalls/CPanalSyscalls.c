#include "CPanalSyscalls.h"
int panal_placeholder(void){return 0;}
