/* A Modbus server on libmodbus: `tcp PORT` or `rtu PATH BAUD PARITY UNIT`; registers come as lines
   "TABLE ADDRESS VALUE" on standard input, up to its end. Build: cc libmodbus_server.c $(pkg-config --cflags --libs libmodbus) */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int serve(modbus_t *line, modbus_mapping_t *map) {
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        int length = modbus_receive(line, query);
        if (length > 0)
            modbus_reply(line, query, length, map);
        else if (length < 0)
            return -1;
    }
}

int main(int count, char **words) {
    modbus_mapping_t *map = modbus_mapping_new(10000, 10000, 10000, 10000);
    char table[16];
    int address, value;
    while (scanf("%15s %d %d", table, &address, &value) == 3) {
        if (!strcmp(table, "coil")) map->tab_bits[address] = value;
        else if (!strcmp(table, "discrete")) map->tab_input_bits[address] = value;
        else if (!strcmp(table, "input")) map->tab_input_registers[address] = value;
        else map->tab_registers[address] = value;
    }
    if (count == 3 && !strcmp(words[1], "tcp")) {
        modbus_t *line = modbus_new_tcp("127.0.0.1", atoi(words[2]));
        int listener = modbus_tcp_listen(line, 1);
        if (listener < 0) return 1;
        printf("ready libmodbus %s\n", LIBMODBUS_VERSION_STRING);
        fflush(stdout);
        while (modbus_tcp_accept(line, &listener) >= 0) serve(line, map), modbus_close(line);
        return 0;
    }
    if (count != 6) return 2;
    modbus_t *line = modbus_new_rtu(words[2], atoi(words[3]), words[4][0], 8, 1);
    modbus_set_slave(line, atoi(words[5]));
    if (modbus_connect(line) < 0) return 1;
    printf("ready libmodbus %s\n", LIBMODBUS_VERSION_STRING);
    fflush(stdout);
    for (;;)
        if (serve(line, map) < 0 && errno == EBADF) return 1;
}
