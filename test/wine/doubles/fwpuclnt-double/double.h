/*
 * A stand-in for fwpuclnt.dll: sessions, transactions and objects of the filter engine, compiled
 * from the headers of the true one. What is in force is read as text with all fields that it has.
 */
#ifndef FWPUCLNT_DOUBLE_H
#define FWPUCLNT_DOUBLE_H

#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <fwpmu.h>

#include <stdbool.h>
#include <stdint.h>

#define EXPORT __declspec(dllexport)

/* Of fwpmtypes.h and winerror.h, where MinGW lacks them. */
#define SESSION_FLAG_DYNAMIC 0x00000001
#define TXN_IN_PROGRESS 0x8032000E
#define NO_TXN_IN_PROGRESS 0x8032000D
#define ALREADY_EXISTS 0x80320009
#define FILTER_NOT_FOUND 0x80320003
#define PROVIDER_NOT_FOUND 0x80320005
#define SUBLAYER_NOT_FOUND 0x80320007
#define NULL_POINTER 0x8032001C
#define INVALID_WEIGHT 0x80320025

/* A JSON text that grows. */
struct text {
  char *bytes;
  size_t length;
  size_t size;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(gnu_printf, 2, 3)));
void text_add_guid(struct text *text, const char *name, const GUID *guid);
void text_add_wide(struct text *text, const char *name, const wchar_t *value);
void text_add_bytes(struct text *text, const char *name, const void *bytes, size_t size);
/* All fields of it as a JSON object. */
void describe_filter(struct text *text, const FWPM_FILTER0 *filter, UINT64 id);
void describe_session(struct text *text, const FWPM_SESSION0 *session);
void describe_provider(struct text *text, const FWPM_PROVIDER0 *provider);
void describe_sublayer(struct text *text, const FWPM_SUBLAYER0 *sublayer);

DWORD injected_error(const char *function);

#endif
