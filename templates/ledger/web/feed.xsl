<?xml version="1.0" encoding="utf-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" exclude-result-prefixes="atom itunes">
<xsl:output method="html" encoding="utf-8" doctype-system="about:legacy-compat"/>
<xsl:variable name="links" select="rss/channel/atom:link | atom:feed/atom:link"/>
<xsl:variable name="address"><xsl:choose><xsl:when test="$links[@rel='current']"><xsl:value-of select="$links[@rel='current']/@href"/></xsl:when><xsl:otherwise><xsl:value-of select="$links[@rel='self']/@href"/></xsl:otherwise></xsl:choose></xsl:variable>
<xsl:template match="/">
<html lang="{{ publication.language }}">
<head>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title><xsl:value-of select="rss/channel/title | atom:feed/atom:title"/></title>
<link rel="stylesheet" href="{{ static("theme.css") }}"/>
{% for style in theme.web.styles %}
<link rel="stylesheet" href="{{ static(style) }}"/>
{% endfor %}
</head>
<body class="plain wide feed">
<header class="masthead"><a class="wordmark" href="{{ to("index.html") }}">{{ publication.title }}</a></header>
<main id="main">
<header class="opening">
<p class="kicker"><span><xsl:choose><xsl:when test="rss/channel/itunes:explicit">{{ theme.words.podcast_feed }}</xsl:when><xsl:otherwise>{{ theme.words.feed }}</xsl:otherwise></xsl:choose></span></p>
<h1><xsl:value-of select="rss/channel/title | atom:feed/atom:title"/></h1>
<p class="subtitle">{{ theme.words.what_a_feed_is }} <a href="{{ to("subscribe/index.html") }}">{{ theme.words.other_ways }}</a></p>
{# A private feed's address is its reader's own: no button may subscribe them to the public one instead. #}
<xsl:if test="$address = '{{ publication.link("podcast.xml") }}'">
<ul class="links">
{% for app in apps %}
<li><a href="{{ app.url }}">{{ app.name }}</a></li>
{% endfor %}
</ul>
</xsl:if>
<xsl:if test="$address != ''">
<p class="address"><span>{{ theme.words.feed_address }}</span> <code><xsl:value-of select="$address"/></code></p>
</xsl:if>
</header>
<section class="year">
<ol class="rows" reversed="reversed">
<xsl:apply-templates select="rss/channel/item | atom:feed/atom:entry"/>
</ol>
</section>
</main>
</body>
</html>
</xsl:template>
<xsl:template match="item">
<li class="row"><a href="{link}">
<span class="number"><xsl:value-of select="itunes:episode"/></span>
<span class="what"><span class="name"><xsl:value-of select="title"/></span></span>
<span class="when"><xsl:value-of select="substring(pubDate, 6, 11)"/></span>
</a></li>
</xsl:template>
<xsl:template match="atom:entry">
<li class="row"><a href="{atom:link[@rel='alternate' or not(@rel)]/@href}">
<span class="number"></span>
<span class="what"><span class="name"><xsl:value-of select="atom:title"/></span></span>
<span class="when"><xsl:value-of select="substring(atom:published, 1, 10)"/></span>
</a></li>
</xsl:template>
</xsl:stylesheet>
