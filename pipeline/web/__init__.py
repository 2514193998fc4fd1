"""The small service: the site, subscribing, private feeds and the preview, over HTTP."""
