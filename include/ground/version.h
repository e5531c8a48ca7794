/* version.h - the one place that knows which postmeter this is. */
#ifndef VERSION_H
#define VERSION_H

#define POSTMETER_VERSION "0.1.0"

#endif
