"""Events that are brought by HTTP, and go to their platform's topic: webhooks, and programs of one's own.

What is answered with a 2xx is in Kafka, on all in-sync replicas. Nothing here knows what an event means: that
is its platform's (`models.platforms`).
"""
