// Stands between the tests and Wine's advapi32.dll: what structures hold is read by the real headers
// and written down, and what Wine cannot tell (who owns a folder, whether one is elevated) is answered.
#ifndef RECORDER_H
#define RECORDER_H

#include <windows.h>

// Adds a line to what `recorded` answers.
void record(const char *format, ...);

// "first,second" of strings that end with an empty one; the answer is good until the next call.
const char *joined(const wchar_t *strings);

#endif
