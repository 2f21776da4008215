int panal_placeholder(void);
