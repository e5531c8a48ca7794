/*
 * clock_news.c - what is said of a clock that stepped: ours, or a server's.
 */
#include <inttypes.h>

#include "clock.h"
#include "log.h"

void
clock_tell(const char *clock, enum clock_news news, int64_t step)
{
	switch (news) {
	case CLOCK_QUIET:
		break;
	case CLOCK_WENT_BACK:
		log_warn("%s went back by %" PRId64
			 " s: limits end at the times that they had",
		    clock, -step / SECOND);
		break;
	case CLOCK_LEAPT:
		log_warn("%s leapt forward by %" PRId64
			 " s: believed when that has lasted for %" PRId64 " s",
		    clock, step / SECOND, CLOCK_HOLD / SECOND);
		break;
	case CLOCK_CAME_BACK:
		log_info("%s came back, nothing has changed", clock);
		break;
	case CLOCK_BELIEVED:
		log_warn("%s stays %" PRId64 " s ahead: believed", clock,
		    step / SECOND);
		break;
	}
}
