"""What all feeds are made from: their entries, and the XML that feedgen cannot write."""
