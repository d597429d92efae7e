"""Modbus: blocks of registers planned once, decoded with numpy, read and written through pymodbus."""
