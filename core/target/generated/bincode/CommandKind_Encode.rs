impl :: bincode :: Encode for CommandKind
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::ListSessions
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::CreateSession
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::DeleteSession
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SwitchSession
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Unsubscribe
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::ListStoredSessions
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (5u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::LoadSession
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (6u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetMetrics
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (7u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::HealthCheck
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (8u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetStartupRecovery
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (9u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetCommandHistory
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (10u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetCapabilities
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (11u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SetInterest
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (12u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::CancelCommand
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (13u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::ReconcileCommand
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (14u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::ExtensionUiResponse
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (15u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetState
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (16u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetMessages
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (17u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetSessionStats
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (18u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetForkMessages
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (19u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetTree
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (20u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetLastAssistantText
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (21u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetContextUsage
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (22u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetAvailableModels
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (23u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetCommands
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (24u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetSkills
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (25u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::GetTools
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (26u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::ListSessionFiles
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (27u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Prompt
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (28u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Compact
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (29u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Bash
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (30u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::NewSession
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (31u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SwitchSessionFile
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (32u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Fork
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (33u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::NavigateTree
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (34u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Steer
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (35u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::FollowUp
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (36u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Abort
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (37u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::AbortCompaction
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (38u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::AbortRetry
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (39u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::AbortBash
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (40u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SetModel
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (41u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::CycleModel
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (42u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SetThinkingLevel
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (43u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::CycleThinkingLevel
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (44u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SetAutoCompaction
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (45u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SetAutoRetry
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (46u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SetSessionName
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (47u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::ExportHtml
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (48u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            },
        }
    }
}