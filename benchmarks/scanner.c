/* The yardstick of the index: a scanner of HDLC frames and the same columns, as one would write it in C. Not shipped. */
#include <stddef.h>
#include <stdint.h>

static uint16_t table[256];

void prepare(void)
{
    for (int octet = 0; octet < 256; octet++) {
        uint16_t crc = octet;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0x8408 : crc >> 1;
        table[octet] = crc;
    }
}

static int ciphered(uint8_t tag)
{
    return (tag >= 0xC8 && tag <= 0xD7 && tag != 0xCE && tag != 0xD6) || (tag >= 0x21 && tag <= 0x2E) || (tag >= 0x41 && tag <= 0x4E);
}

/* Frames, or what fits `most`; bits of flags: right 2, segmented 4, LLC 8, counted 16. Sides: client 1, meter 2. */
long scan(const uint8_t *d, size_t n, long most, uint64_t *start, uint32_t *length, uint64_t *addresses, uint8_t *control,
          uint8_t *tag, uint8_t *security, uint32_t *counter, uint8_t *flags, uint8_t *side)
{
    long k = 0;
    for (size_t p = 0; p + 9 < n && k < most;) {
        size_t size = (d[p + 1] & 7) << 8 | d[p + 2], end = p + 1 + size;
        if (d[p] != 0x7E || (d[p + 1] & 0xF0) != 0xA0 || size < 7 || end >= n || d[end] != 0x7E) { p++; continue; }
        uint16_t crc = 0xFFFF;
        for (size_t i = p + 1; i < end; i++) crc = crc >> 8 ^ table[(crc ^ d[i]) & 255];
        if (crc != 0xF0B8) { p++; continue; }
        size_t at = p + 3;
        uint64_t pair = 0;
        for (int half = 0; half < 2; half++)
            do pair = pair << 8 | d[at]; while (!(d[at++] & 1) && at < end);
        uint8_t c = d[at], f = 2 | (d[p + 1] & 8) >> 1, t = 0, s = 0;
        uint32_t ic = 0;
        size_t info = at + 3;
        int from = (c & 0xEF) == 0x83 || (c & 0xEF) == 0x43 ? 1 : (c & 0xEF) == 0x63 || (c & 0xEF) == 0x0F ? 2 : 0;
        if (info < end - 2 && (!(c & 1) || (c & 0xEF) == 3)) {
            if (d[info] == 0xE6 && info + 3 <= end - 2) { f |= 8; from = d[info + 1] == 0xE6 ? 1 : 2; info += 3; }
            if (info < end - 2) t = d[info];
            if (ciphered(t)) {
                size_t q = info + 1;
                q += d[q] < 0x80 ? 1 : 1 + (d[q] & 0x7F);
                if (q + 5 <= end - 2) {
                    f |= 16; s = d[q];
                    ic = (uint32_t)d[q + 1] << 24 | d[q + 2] << 16 | d[q + 3] << 8 | d[q + 4];
                }
            }
        }
        start[k] = p; length[k] = size + 2; addresses[k] = pair; control[k] = c; tag[k] = t; security[k] = s;
        counter[k] = ic; flags[k] = f; side[k] = from; k++;
        p = end + (end + 1 < n && (d[end + 1] & 0xF0) != 0xA0);
    }
    return k;
}
