"""The kit of the API and the pages: problems, headers, limits, request log, paging, rendering, words."""
