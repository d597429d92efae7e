"""Modbus: blocks of registers planned once, decoded with numpy, asked over our own client."""
