"""What turns a subcloud into a running one."""
